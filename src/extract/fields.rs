//! The fields of a JSON object, taken one by one, so that one answer lists every error with its JSON pointer.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Value, error::Category};

use crate::problem::{FieldError, Kind, Problem};

/// The fields that have not been taken yet, and the errors so far.
#[derive(Debug)]
pub struct Fields {
    object: Object,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
    context: http::Extensions,
}

/// A JSON object without duplicate names. Other readers could disagree on which of two values counts.
#[derive(Debug)]
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut entries: Vec<(String, Value)> = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    if entries.iter().any(|(other, _)| *other == name) {
                        return Err(A::Error::custom("duplicate field"));
                    }
                    entries.push((name, value));
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

impl Fields {
    /// Parses a body.
    ///
    /// # Errors
    /// A problem with the line and column. It contains nothing of the body, which may have a token.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let error = match serde_json::from_slice(body) {
            Ok(object) => {
                return Ok(Self { object, known: Vec::new(), errors: Vec::new(), context: <_>::default() });
            }
            Err(error) => error,
        };
        let what = match error.classify() {
            Category::Data if body.trim_ascii_start().starts_with(b"{") => "A field occurs twice in the object",
            Category::Data => return Err(Problem::new(Kind::MalformedJson, "The body is JSON, but not an object.")),
            Category::Eof => "The JSON is incomplete",
            Category::Syntax | Category::Io => "The body is not JSON",
        };
        let detail = format!("{what}: see line {}, column {}.", error.line(), error.column());
        Err(Problem::new(Kind::MalformedJson, detail))
    }

    /// Adds the request's extensions.
    #[must_use]
    pub fn with_context(mut self, context: http::Extensions) -> Self {
        self.context = context;
        self
    }

    /// Returns the request's extensions.
    #[must_use]
    pub const fn context(&self) -> &http::Extensions {
        &self.context
    }

    /// Returns whether a field is there, with any value, and has not been taken yet.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.object.0.iter().any(|(other, _)| other == name)
    }

    /// Takes an optional field. `null` is a value, and so an error.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&mut ErrorsOfField<'_>, &Value) -> Option<T>,
    ) -> Option<T> {
        self.known.push(name);
        let at = self.object.0.iter().position(|(other, _)| other == name)?;
        let (_, value) = self.object.0.remove(at);
        parse(&mut ErrorsOfField { name, errors: &mut self.errors }, &value)
    }

    /// Takes a required field. `expected` describes its value.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        expected: impl fmt::Display,
        parse: impl FnOnce(&mut ErrorsOfField<'_>, &Value) -> Option<T>,
    ) -> Option<T> {
        if !self.contains(name) {
            self.error(format!("/{name}"), format!("The field is required: {expected}."));
        }
        self.optional(name, parse)
    }

    /// Adds an error that concerns several fields.
    pub fn error(&mut self, pointer: String, detail: String) {
        self.errors.push(FieldError { pointer, detail });
    }

    /// Returns the request, if there is no error and no unknown field.
    ///
    /// # Errors
    /// A problem with all errors.
    pub fn finish<T>(mut self, parsed: Option<T>) -> Result<T, Problem> {
        for (name, _) in &self.object.0 {
            // RFC 6901 section 3 defines the escapes. The name comes from the caller, so its length is limited.
            let name: String = name.chars().take(64).collect();
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            let detail = format!("Unknown field. The fields are {}.", self.known.join(", "));
            self.errors.push(FieldError { pointer, detail });
        }
        match parsed {
            Some(request) if self.errors.is_empty() => Ok(request),
            _ => Err(Problem::fields(self.errors)),
        }
    }
}

/// Collects the errors of one field.
#[derive(Debug)]
pub struct ErrorsOfField<'a> {
    name: &'static str,
    errors: &'a mut Vec<FieldError>,
}

impl ErrorsOfField<'_> {
    /// Adds an error of the field.
    pub fn add(&mut self, detail: impl Into<String>) {
        self.errors.push(FieldError { pointer: format!("/{}", self.name), detail: detail.into() });
    }

    /// Adds an error of one item of the field's list.
    pub fn add_at(&mut self, index: usize, detail: impl Into<String>) {
        self.errors.push(FieldError { pointer: format!("/{}/{index}", self.name), detail: detail.into() });
    }
}
