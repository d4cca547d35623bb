//! Evaluates the template as AWS does when it creates a stack, for the functions that it uses.

use std::collections::BTreeMap;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

use crate::docs::read;

/// Returns the template as JSON, with the long names of functions: `!If` as `Fn::If`.
pub(crate) fn template() -> Value {
    let text = read("infra/aws/template.yaml");
    let [document] = &*Yaml::load_from_str(&text).unwrap() else { panic!("more than one document") };
    as_json(document)
}

fn as_json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::Boolean(flag)) => json!(flag),
        Yaml::Sequence(items) => items.iter().map(as_json).collect(),
        Yaml::Mapping(members) => {
            members.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), as_json(value))).collect()
        }
        Yaml::Tagged(tag, node) if tag.suffix == "Ref" => json!({ "Ref": as_json(node) }),
        Yaml::Tagged(tag, node) => json!({ format!("Fn::{}", tag.suffix): as_json(node) }),
        _ => panic!("unexpected {yaml:?}"),
    }
}

/// The template with values of its parameters.
pub(crate) struct Stack {
    pub(crate) template: Value,
    parameters: BTreeMap<String, String>,
}

impl Stack {
    /// Fills in the defaults. Panics if a parameter is missing, unknown or not allowed.
    pub(crate) fn new(given: &[(&str, &str)]) -> Self {
        let template = template();
        let declared = template["Parameters"].as_object().unwrap();
        for (name, _) in given {
            assert!(declared.contains_key(*name), "no parameter {name}");
        }
        let parameters = declared.iter().map(|(name, parameter)| {
            let given = given.iter().find(|(given, _)| given == name).map(|(_, value)| *value);
            let value = given.map_or_else(|| text_of(&parameter["Default"]), |value| Some(value.to_owned()));
            let value = value.unwrap_or_else(|| panic!("{name} is missing"));
            let allowed = parameter["AllowedValues"].as_array();
            assert!(allowed.is_none_or(|all| all.iter().any(|one| text_of(one).as_ref() == Some(&value))), "{name}");
            (name.clone(), value)
        });
        let parameters = parameters.collect();
        Self { template, parameters }
    }

    /// Returns the resources or outputs whose conditions hold, evaluated.
    pub(crate) fn section(&self, name: &str) -> Map<String, Value> {
        let section = self.template[name].as_object().unwrap().iter();
        let kept = section.filter(|(_, entry)| self.holds(&entry["Condition"]));
        kept.map(|(name, entry)| (name.clone(), self.value(entry).unwrap())).collect()
    }

    /// Returns the environment variables of the function. `secret` returns the text for `<secret>` or `<secret>:<stage>`.
    pub(crate) fn environment(&self, secret: impl Fn(&str) -> String) -> Vec<(String, String)> {
        let resources = self.section("Resources");
        let variables = resources["Function"]["Properties"]["Environment"]["Variables"].as_object().unwrap();
        let resolved = |value: &Value| {
            let mut text = value.as_str().unwrap().to_owned();
            while let Some((before, rest)) = text.split_once("{{resolve:secretsmanager:") {
                let (reference, after) = rest.split_once("}}").unwrap();
                let parts: Vec<&str> = reference.split(':').collect();
                let name = match &parts[..] {
                    [name] => (*name).to_owned(),
                    [name, "SecretString", "", stage] => format!("{name}:{stage}"),
                    _ => panic!("{reference} is not a reference to a whole secret"),
                };
                assert!(resources.contains_key(parts[0]), "{reference}");
                text = format!("{before}{}{after}", secret(&name));
            }
            text
        };
        variables.iter().map(|(name, value)| (name.clone(), resolved(value))).collect()
    }

    /// Returns a value without functions. `None` is `AWS::NoValue`.
    fn value(&self, node: &Value) -> Option<Value> {
        let Value::Object(members) = node else {
            let Value::Array(items) = node else { return Some(node.clone()) };
            return Some(items.iter().filter_map(|item| self.value(item)).collect());
        };
        match members.iter().next().filter(|_| members.len() == 1) {
            Some((function, name)) if function == "Ref" => self.reference(name.as_str().unwrap()).map(Value::from),
            Some((function, name)) if function == "Fn::GetAtt" => Some(self.attribute(name.as_str().unwrap()).into()),
            Some((function, text)) if function == "Fn::Sub" => Some(self.substitute(text.as_str().unwrap()).into()),
            Some((function, branches)) if function == "Fn::If" => {
                self.value(&branches[if self.holds(&branches[0]) { 1 } else { 2 }])
            }
            _ => {
                let values = members.iter().filter_map(|(name, node)| Some((name.clone(), self.value(node)?)));
                Some(Value::Object(values.collect()))
            }
        }
    }

    /// Returns the value of a parameter, or the name of a resource that exists.
    fn reference(&self, name: &str) -> Option<String> {
        match name {
            "AWS::NoValue" => None,
            "AWS::Partition" => Some("aws".to_owned()),
            _ if name.starts_with("AWS::") => Some(name.replace("AWS::", "the-").to_lowercase()),
            _ => Some(self.parameters.get(name).cloned().unwrap_or_else(|| self.existing(name).to_owned())),
        }
    }

    fn attribute(&self, name: &str) -> String {
        let (resource, attribute) = name.split_once('.').unwrap();
        format!("{}.{attribute}", self.existing(resource))
    }

    fn existing<'a>(&self, name: &'a str) -> &'a str {
        let resource = &self.template["Resources"][name];
        assert!(resource.is_object() && self.holds(&resource["Condition"]), "{name} does not exist");
        name
    }

    fn substitute(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |done, part| {
            let (name, rest) = part.split_once('}').unwrap();
            let value = if name.contains('.') { Some(self.attribute(name)) } else { self.reference(name) };
            done + &value.unwrap() + rest
        })
    }

    /// Returns whether a condition holds, or its name. None at all is a condition that holds.
    fn holds(&self, condition: &Value) -> bool {
        let Value::Object(members) = condition else {
            return condition.as_str().is_none_or(|name| {
                let condition = &self.template["Conditions"][name];
                assert!(condition.is_object(), "no condition {name}");
                self.holds(condition)
            });
        };
        let (function, operands) = members.iter().next().unwrap();
        let operands = operands.as_array().unwrap();
        match function.as_str() {
            "Fn::Equals" => self.value(&operands[0]) == self.value(&operands[1]),
            "Fn::Not" => !self.holds(&operands[0]),
            "Fn::Or" => operands.iter().any(|operand| self.holds(operand)),
            "Fn::And" => operands.iter().all(|operand| self.holds(operand)),
            _ => panic!("unexpected {function}"),
        }
    }

    /// Returns whether every rule for parameters holds.
    pub(crate) fn is_accepted(&self) -> bool {
        let mut rules = self.template["Rules"].as_object().unwrap().values();
        rules.all(|rule| {
            let mut assertions = rule["Assertions"].as_array().unwrap().iter();
            !self.holds(&rule["RuleCondition"]) || assertions.all(|assertion| self.holds(&assertion["Assert"]))
        })
    }
}

/// Returns a scalar as the environment gets it.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        _ => Some(value.to_string()),
    }
}
