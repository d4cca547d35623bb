//! Expressions and declarations of Bicep, read with tree-sitter.

use tree_sitter::{Node, Parser, Tree};

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Null,
    Bool(bool),
    Number(i64),
    /// A text: literal parts and interpolations.
    Text(Vec<Expr>),
    /// A part of a text without interpolation.
    Literal(String),
    Object(Vec<Property>),
    Array(Vec<Expr>),
    For(String, Box<Expr>, Box<Expr>),
    Name(String),
    /// `a.b`. The flag says whether the operator is `!.` or `.?`.
    Member(Box<Expr>, String, bool),
    /// `a::b`
    Nested(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    Call(String, Vec<Expr>),
    Lambda(String, Box<Expr>),
    Unary(String, Box<Expr>),
    Binary(String, Box<Expr>, Box<Expr>),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `if (a) {…}`, as the body of a resource or a module.
    If(Box<Expr>, Box<Expr>),
    /// Anything else, as written.
    Other(String),
}

/// A property of an object. The name is a text, since it may have interpolations.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) value: Expr,
}

impl Expr {
    /// Returns the text if it has no interpolation.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self {
            Self::Text(parts) => match parts.as_slice() {
                [] => Some(""),
                [Self::Literal(text)] => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the value of a property of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(properties) = self else { return None };
        properties.iter().find(|property| property.name == name).map(|property| &property.value)
    }

    /// Returns the value of a property of an object of an object.
    pub(crate) fn path(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |value, name| value.get(name))
    }

    /// Calls a function with this expression and all expressions in it.
    pub(crate) fn visit<'a>(&'a self, call: &mut dyn FnMut(&'a Self)) {
        call(self);
        for child in self.children() {
            child.visit(call);
        }
    }

    fn children(&self) -> Vec<&Self> {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Literal(_) | Self::Name(_) | Self::Other(_) => vec![],
            Self::Text(list) | Self::Array(list) | Self::Call(_, list) => list.iter().collect(),
            Self::Object(properties) => properties.iter().map(|property| &property.value).collect(),
            Self::Member(inner, ..) | Self::Nested(inner, _) | Self::Lambda(_, inner) | Self::Unary(_, inner) => {
                vec![inner]
            }
            Self::For(_, a, b) | Self::Index(a, b) | Self::Binary(_, a, b) | Self::If(a, b) => vec![a, b],
            Self::Choice(a, b, c) => vec![a, b, c],
        }
    }
}

/// Returns the syntax tree of a file.
pub(crate) fn parse(source: &str) -> Tree {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_bicep::LANGUAGE.into()).unwrap();
    parser.parse(source, None).unwrap()
}

/// Returns the named children of a node, without comments.
pub(crate) fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let is_comment = |node: &Node<'_>| node.kind().ends_with("comment");
    node.named_children(&mut node.walk()).filter(|node| !is_comment(node)).collect()
}

/// Returns the text of a node.
pub(crate) fn text<'a>(node: Node<'_>, source: &'a str) -> &'a str {
    &source[node.byte_range()]
}

/// Returns the expression of a node.
pub(crate) fn expression(node: Node<'_>, source: &str) -> Expr {
    let inner = children(node);
    let at = |i: usize| Box::new(expression(inner[i], source));
    let name = |i: usize| text(inner[i], source).to_owned();
    let list = |nodes: &[Node<'_>]| nodes.iter().map(|node| expression(*node, source)).collect();
    let operator =
        || node.child_by_field_name("operator").map(|node| text(node, source).to_owned()).unwrap_or_default();
    match node.kind() {
        "null" => Expr::Null,
        "boolean" => Expr::Bool(text(node, source) == "true"),
        "number" => {
            text(node, source).parse().map_or_else(|_| Expr::Other(text(node, source).to_owned()), Expr::Number)
        }
        "string" => string(node, source),
        "identifier" => Expr::Name(text(node, source).to_owned()),
        "object" => Expr::Object(inner.iter().filter_map(|node| property(*node, source)).collect()),
        "array" => Expr::Array(list(&inner)),
        "parenthesized_expression" if inner.len() == 1 => *at(0),
        "member_expression" => {
            let is_asserted = source[inner[0].end_byte()..inner[1].start_byte()].contains(['!', '?']);
            suffix(inner[0], source, &|object| Expr::Member(object, name(1), is_asserted))
        }
        "resource_expression" => suffix(inner[0], source, &|object| Expr::Nested(object, name(1))),
        "subscript_expression" => suffix(inner[0], source, &|list| Expr::Index(list, at(1))),
        "call_expression" => Expr::Call(name(0), list(&children(inner[1]))),
        "lambda_expression" => Expr::Lambda(name(0), at(1)),
        "unary_expression" => Expr::Unary(operator(), at(0)),
        "binary_expression" => Expr::Binary(operator(), at(0), at(1)),
        "ternary_expression" => Expr::Choice(at(0), at(1), at(2)),
        "if_statement" => Expr::If(at(0), at(1)),
        "for_statement" if inner.len() == 3 => Expr::For(name(0), at(1), at(2)),
        _ => Expr::Other(text(node, source).to_owned()),
    }
}

/// Returns the expression of a node with a suffix. The parser takes `a => b.c` as `(a => b).c`, and likewise other operators.
fn suffix(node: Node<'_>, source: &str, wrap: &dyn Fn(Box<Expr>) -> Expr) -> Expr {
    let last = || Box::new(suffix(*children(node).last().unwrap(), source, wrap));
    match (node.kind(), expression(node, source)) {
        ("lambda_expression", Expr::Lambda(variable, _)) => Expr::Lambda(variable, last()),
        ("unary_expression", Expr::Unary(operator, _)) => Expr::Unary(operator, last()),
        ("binary_expression", Expr::Binary(operator, left, _)) => Expr::Binary(operator, left, last()),
        ("ternary_expression", Expr::Choice(condition, yes, _)) => Expr::Choice(condition, yes, last()),
        (_, object) => wrap(Box::new(object)),
    }
}

/// Returns a text as its literal parts and interpolations.
fn string(node: Node<'_>, source: &str) -> Expr {
    let mut parts = Vec::new();
    let mut from = node.start_byte() + 1;
    let literal = |from: usize, to: usize| (from < to).then(|| Expr::Literal(unescape(&source[from..to])));
    for interpolation in children(node).into_iter().filter(|node| node.kind() == "interpolation") {
        parts.extend(literal(from, interpolation.start_byte()));
        parts.push(expression(children(interpolation)[0], source));
        from = interpolation.end_byte();
    }
    parts.extend(literal(from, node.end_byte() - 1));
    Expr::Text(parts)
}

fn unescape(text: &str) -> String {
    text.replace("\\'", "'").replace("\\$", "$").replace("\\\\", "\\")
}

fn property(node: Node<'_>, source: &str) -> Option<Property> {
    let inner = children(node);
    // A nested resource is a property without a name.
    let [name, value] = inner.as_slice() else { return None };
    let name = text(*name, source).trim_matches('\'').to_owned();
    Some(Property { name, value: expression(*value, source) })
}
