//! Evaluates the expressions of Bicep that the templates use.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    file::File,
    syntax::{Expr, Property},
};

/// Values of names and of paths such as `storage.outputs.id`.
pub(crate) type Known = BTreeMap<String, Value>;

/// Evaluates the expressions of a file.
pub(crate) struct Evaluator<'a> {
    pub(crate) file: &'a File,
    /// The values of parameters and outputs of modules. A parameter without a value here has its default.
    pub(crate) known: Known,
}

type Result<T = Value> = std::result::Result<T, String>;

/// Returns a parameter that `main.bicep` passes to the app, or the text of `fail()`.
pub(crate) fn passed_to_app(file: &File, name: &str, known: Known) -> Result {
    let app = file.modules.iter().find(|module| module.symbol == "app").ok_or("there is no app")?;
    let value = app.body.path(&format!("params/{name}")).ok_or("it is missing")?;
    Evaluator { file, known }.value(value)
}

impl Evaluator<'_> {
    /// Returns the value of a name.
    pub(crate) fn name(&self, name: &str) -> Result {
        let parameter = self.file.parameters.iter().find(|parameter| parameter.name == name);
        match self.known.get(name).cloned() {
            Some(value) => Ok(value),
            None => match self.file.variable(name).or_else(|| parameter?.value.as_ref()) {
                Some(value) => self.value(value),
                None => Err(format!("{name} has no value")),
            },
        }
    }

    /// Returns the value of an expression, or the text of `fail()`.
    pub(crate) fn value(&self, expression: &Expr) -> Result {
        Ok(match expression {
            Expr::Null => Value::Null,
            Expr::Bool(flag) => (*flag).into(),
            Expr::Number(number) => (*number).into(),
            Expr::Literal(text) => text.clone().into(),
            Expr::Text(parts) => {
                parts.iter().map(|part| Ok(text(&self.value(part)?))).collect::<Result<String>>()?.into()
            }
            Expr::Array(items) => items.iter().map(|item| self.value(item)).collect::<Result<Vec<_>>>()?.into(),
            Expr::Object(properties) => {
                let value = |property: &Property| Ok((property.name.clone(), self.value(&property.value)?));
                Value::Object(properties.iter().map(value).collect::<Result<_>>()?)
            }
            Expr::Name(name) => self.name(name)?,
            Expr::Member(object, name, _) => match self.known.get(&path(expression)) {
                Some(value) => value.clone(),
                None => match self.file.resource(&path(object)).and_then(|resource| resource.body.get(name)) {
                    Some(value) => self.value(value)?,
                    None => self.value(object)?[name].clone(),
                },
            },
            Expr::Index(list, index) => {
                let index = self.value(index)?.as_u64().ok_or("the index is not a number")?;
                self.value(list)?[usize::try_from(index).map_err(|error| error.to_string())?].clone()
            }
            Expr::Unary(operator, inner) if operator == "!" => (self.value(inner)? != json!(true)).into(),
            Expr::Binary(operator, left, right) => self.binary(operator, left, right)?,
            Expr::Choice(condition, yes, no) => {
                if self.value(condition)? == json!(true) {
                    self.value(yes)?
                } else {
                    self.value(no)?
                }
            }
            Expr::Call(name, arguments) => self.call(name, arguments)?,
            other => return Err(format!("cannot evaluate {other:?}")),
        })
    }

    fn binary(&self, operator: &str, left: &Expr, right: &Expr) -> Result {
        let left = self.value(left)?;
        Ok(match operator {
            "||" if left == json!(true) => left,
            "&&" if left == json!(false) => left,
            "||" | "&&" => self.value(right)?,
            "==" => (left == self.value(right)?).into(),
            "!=" => (left != self.value(right)?).into(),
            other => return Err(format!("cannot evaluate {other}")),
        })
    }

    fn call(&self, name: &str, arguments: &[Expr]) -> Result {
        if let ("map" | "filter" | "toObject", [list, lambdas @ ..]) = (name, arguments) {
            return self.each(name, &self.value(list)?, lambdas);
        }
        let values = arguments.iter().map(|argument| self.value(argument)).collect::<Result<Vec<_>>>()?;
        Ok(match (name, values.as_slice()) {
            ("fail", [message]) => return Err(text(message)),
            ("base64", [value]) => STANDARD.encode(text(value)).into(),
            ("empty", [value]) => is_empty(value).into(),
            ("string", [value]) => text(value).into(),
            ("trim", [value]) => text(value).trim().into(),
            ("toLower", [value]) => text(value).to_lowercase().into(),
            ("contains", [value, part]) => text(value).contains(&text(part)).into(),
            ("endsWith", [value, end]) => text(value).ends_with(&text(end)).into(),
            ("split", [value, by]) => text(value).split(&text(by)).map(Value::from).collect::<Vec<_>>().into(),
            ("join", [list, by]) => items(list).iter().map(text).collect::<Vec<_>>().join(&text(by)).into(),
            ("length", [list]) => items(list).len().into(),
            ("last", [list]) => items(list).last().cloned().unwrap_or_default(),
            ("concat", lists) => lists.iter().flat_map(items).cloned().collect::<Vec<_>>().into(),
            ("union", objects) => {
                let all = objects.iter().filter_map(Value::as_object).flatten();
                Value::Object(all.map(|(key, value)| (key.clone(), value.clone())).collect())
            }
            ("items", [object]) => {
                let entries = object.as_object().into_iter().flatten();
                entries.map(|(key, value)| json!({ "key": key, "value": value })).collect::<Vec<_>>().into()
            }
            _ => return Err(format!("cannot evaluate {name}() with {} arguments", values.len())),
        })
    }

    /// Calls lambdas for each item of a list.
    fn each(&self, name: &str, list: &Value, lambdas: &[Expr]) -> Result {
        let (mut kept, mut object) = (Vec::new(), Map::new());
        for item in items(list) {
            match (name, lambdas) {
                ("map", [lambda]) => kept.push(self.apply(lambda, item)?),
                ("filter", [lambda]) if self.apply(lambda, item)? == json!(true) => kept.push(item.clone()),
                ("toObject", [key, value]) => {
                    object.insert(text(&self.apply(key, item)?), self.apply(value, item)?);
                }
                _ => {}
            }
        }
        Ok(if name == "toObject" { Value::Object(object) } else { kept.into() })
    }

    fn apply(&self, lambda: &Expr, item: &Value) -> Result {
        let Expr::Lambda(variable, body) = lambda else { return Err("not a lambda".to_owned()) };
        let mut known = self.known.clone();
        known.insert(variable.clone(), item.clone());
        Evaluator { file: self.file, known }.value(body)
    }
}

/// Returns an expression such as `storage.outputs.id` as a text, or an empty text for other expressions.
pub(crate) fn path(expression: &Expr) -> String {
    match expression {
        Expr::Name(name) => name.clone(),
        Expr::Member(object, name, _) => format!("{}.{name}", path(object)),
        Expr::Nested(object, name) => format!("{}::{name}", path(object)),
        _ => String::new(),
    }
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
