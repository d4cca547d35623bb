//! The declarations of a Bicep file.

use tree_sitter::Node;

use super::syntax::{Expr, children, expression, parse, text};

/// A Bicep file.
#[derive(Debug, Clone, Default)]
pub(crate) struct File {
    /// Path below the folder of the templates.
    pub(crate) path: String,
    pub(crate) source: String,
    /// Places that the parser does not understand.
    pub(crate) faults: Vec<String>,
    pub(crate) parameters: Vec<Declaration>,
    pub(crate) variables: Vec<Declaration>,
    pub(crate) outputs: Vec<Declaration>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) modules: Vec<Module>,
    /// Names that other files declare.
    pub(crate) imports: Vec<String>,
}

/// A parameter, a variable or an output.
#[derive(Debug, Clone)]
pub(crate) struct Declaration {
    pub(crate) name: String,
    /// Its type, as written. Empty for a variable.
    pub(crate) kind: String,
    pub(crate) value: Option<Expr>,
    pub(crate) decorators: Vec<Expr>,
}

/// A resource.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) symbol: String,
    /// Its type, with those of the resources around it.
    pub(crate) kind: String,
    pub(crate) version: String,
    pub(crate) is_existing: bool,
    pub(crate) is_nested: bool,
    pub(crate) condition: Option<Expr>,
    pub(crate) body: Expr,
    pub(crate) decorators: Vec<Expr>,
}

/// A module.
#[derive(Debug, Clone)]
pub(crate) struct Module {
    pub(crate) symbol: String,
    /// Path of its file, relative to this one.
    pub(crate) path: String,
    pub(crate) condition: Option<Expr>,
    pub(crate) body: Expr,
}

impl Declaration {
    /// Returns the arguments of a decorator.
    pub(crate) fn decorator(&self, name: &str) -> Option<&[Expr]> {
        arguments(&self.decorators, name)
    }
}

impl Resource {
    /// Returns the arguments of a decorator.
    pub(crate) fn decorator(&self, name: &str) -> Option<&[Expr]> {
        arguments(&self.decorators, name)
    }
}

fn arguments<'a>(decorators: &'a [Expr], wanted: &str) -> Option<&'a [Expr]> {
    decorators.iter().find_map(|decorator| match decorator {
        Expr::Call(name, arguments) if name == wanted => Some(arguments.as_slice()),
        _ => None,
    })
}

impl File {
    /// Reads the declarations of a file.
    pub(crate) fn read(path: &str, source: &str) -> Self {
        let mut file = Self { path: path.to_owned(), source: source.to_owned(), ..Self::default() };
        let tree = parse(source);
        file.find_faults(tree.root_node());
        let mut decorators = Vec::new();
        for node in children(tree.root_node()) {
            if node.kind() == "decorators" {
                decorators = children(node).into_iter().map(|node| expression(children(node)[0], source)).collect();
            } else {
                file.declare(node, std::mem::take(&mut decorators));
            }
        }
        file
    }

    /// Returns the value of a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<&Expr> {
        self.variables.iter().find(|variable| variable.name == name)?.value.as_ref()
    }

    /// Returns a resource by its symbol, such as `account::blobs`.
    pub(crate) fn resource(&self, symbol: &str) -> Option<&Resource> {
        let last = symbol.rsplit("::").next()?;
        self.resources.iter().find(|resource| resource.symbol == last)
    }

    /// Returns all expressions of the file, with the names of their declarations.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = (&str, &Expr)> {
        let declarations = self.parameters.iter().chain(&self.variables).chain(&self.outputs);
        let values = declarations.filter_map(|item| Some((item.name.as_str(), item.value.as_ref()?)));
        let resources = self.resources.iter().map(|item| (item.symbol.as_str(), &item.body, item.condition.as_ref()));
        let modules = self.modules.iter().map(|item| (item.symbol.as_str(), &item.body, item.condition.as_ref()));
        let bodies = resources.chain(modules);
        values.chain(
            bodies.flat_map(|(name, body, condition)| condition.into_iter().chain([body]).map(move |e| (name, e))),
        )
    }

    fn find_faults(&mut self, node: Node<'_>) {
        if node.is_error() || node.is_missing() {
            self.faults.push(format!("line {}: not understood", node.start_position().row + 1));
        }
        let properties = children(node).into_iter().filter(|node| node.kind() == "object_property").collect::<Vec<_>>();
        for pair in properties.windows(2) {
            let between = &self.source[pair[0].end_byte()..pair[1].start_byte()];
            if !between.contains([',', '\n']) {
                self.faults.push(format!("line {}: two properties on one line", pair[1].start_position().row + 1));
            }
        }
        for child in node.children(&mut node.walk()) {
            self.find_faults(child);
        }
    }

    fn declare(&mut self, node: Node<'_>, decorators: Vec<Expr>) {
        let inner = children(node);
        let word = |i: usize| inner.get(i).map(|node| text(*node, &self.source).to_owned()).unwrap_or_default();
        let value = |i: usize| inner.get(i).map(|node| expression(*node, &self.source));
        let declaration =
            |kind: String, value| Declaration { name: word(0), kind, value, decorators: decorators.clone() };
        match node.kind() {
            "parameter_declaration" => self.parameters.push(declaration(word(1), value(2))),
            "output_declaration" => self.outputs.push(declaration(word(1), value(2))),
            "variable_declaration" => self.variables.push(declaration(String::new(), value(1))),
            "import_functionality" => {
                self.imports.extend(
                    inner.iter().filter(|n| n.kind() == "identifier").map(|n| text(*n, &self.source).to_owned()),
                );
            }
            "module_declaration" => {
                let (condition, body) = conditional(value(2));
                self.modules.push(Module {
                    symbol: word(0),
                    path: word(1).trim_matches('\'').to_owned(),
                    condition,
                    body,
                });
            }
            "resource_declaration" => self.declare_resource(node, None, decorators),
            _ => {}
        }
    }

    fn declare_resource(&mut self, node: Node<'_>, outer: Option<(&str, &str)>, decorators: Vec<Expr>) {
        let source = self.source.clone();
        let inner = children(node);
        let header = &source[node.start_byte()..inner[2].start_byte()];
        let name = text(inner[1], &source).trim_matches('\'');
        let (kind, version) = match (name.split_once('@'), outer) {
            (Some((kind, version)), _) => (kind.to_owned(), version.to_owned()),
            (None, Some((outer, version))) => (format!("{outer}/{name}"), version.to_owned()),
            (None, None) => (name.to_owned(), String::new()),
        };
        let (condition, body) = conditional(Some(expression(inner[2], &source)));
        let symbol = text(inner[0], &source).to_owned();
        let is_existing = header.contains("existing");
        for child in nested(inner[2]) {
            self.declare_resource(child, Some((&kind, &version)), Vec::new());
        }
        let is_nested = outer.is_some();
        self.resources.push(Resource { symbol, kind, version, is_existing, is_nested, condition, body, decorators });
    }
}

/// Returns the condition and the body of `if (…) {…}`, also within a loop.
fn conditional(body: Option<Expr>) -> (Option<Expr>, Expr) {
    match body {
        Some(Expr::If(condition, body)) => (Some(*condition), *body),
        Some(Expr::For(variable, list, body)) => match *body {
            Expr::If(condition, body) => (Some(*condition), Expr::For(variable, list, body)),
            body => (None, Expr::For(variable, list, Box::new(body))),
        },
        body => (None, body.unwrap_or(Expr::Null)),
    }
}

/// Returns the resources that a body contains.
fn nested(body: Node<'_>) -> Vec<Node<'_>> {
    let object = if body.kind() == "if_statement" { children(body)[1] } else { body };
    children(object).into_iter().flat_map(children).filter(|node| node.kind() == "resource_declaration").collect()
}
