//! The fields of a JSON object, taken one by one, so that one answer names every fault by its JSON pointer.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use crate::problem::{FieldFault, Kind, Problem};

/// What is left of an object, and what was wrong with the rest.
#[derive(Debug)]
pub struct Fields {
    object: Object,
    known: Vec<&'static str>,
    faults: Vec<FieldFault>,
    context: http::Extensions,
}

/// A JSON object in which no name stands twice: of two values, another reader might take the other one.
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
                        return Err(A::Error::custom("a field stands twice in the object"));
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
    /// Reads a body.
    ///
    /// # Errors
    /// A problem that says where the JSON breaks off. It repeats nothing of the body, which may hold a token.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(body) {
            Ok(object) => Ok(Self { object, known: Vec::new(), faults: Vec::new(), context: <_>::default() }),
            Err(error) => {
                let what = match error.classify() {
                    serde_json::error::Category::Data if body.trim_ascii_start().starts_with(b"{") => {
                        "A field stands twice in the object"
                    }
                    serde_json::error::Category::Data => {
                        return Err(Problem::new(Kind::MalformedJson, "The body is JSON, but not an object."));
                    }
                    serde_json::error::Category::Eof => "The JSON ends too early",
                    serde_json::error::Category::Syntax | serde_json::error::Category::Io => "The body is not JSON",
                };
                let detail = format!("{what}: see line {}, column {}.", error.line(), error.column());
                Err(Problem::new(Kind::MalformedJson, detail))
            }
        }
    }

    /// The same with what is known of the request besides its body.
    #[must_use]
    pub fn with_context(mut self, context: http::Extensions) -> Self {
        self.context = context;
        self
    }

    /// What is known of the request besides its body.
    #[must_use]
    pub const fn context(&self) -> &http::Extensions {
        &self.context
    }

    /// Takes a field that may be missing. `null` counts as a value, and hence as a fault.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&mut Faults<'_>, &Value) -> Option<T>,
    ) -> Option<T> {
        self.known.push(name);
        let at = self.object.0.iter().position(|(other, _)| other == name)?;
        let (_, value) = self.object.0.remove(at);
        parse(&mut Faults { pointer: format!("/{name}"), faults: &mut self.faults }, &value)
    }

    /// Takes a field that must be there. `remedy` says what it holds.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        remedy: &str,
        parse: impl FnOnce(&mut Faults<'_>, &Value) -> Option<T>,
    ) -> Option<T> {
        let missing = !self.object.0.iter().any(|(other, _)| other == name);
        if missing {
            self.fault(format!("/{name}"), format!("The field is missing: {remedy}."));
        }
        self.optional(name, parse)
    }

    /// Notes a fault that is none of a single field.
    pub fn fault(&mut self, pointer: String, detail: String) {
        self.faults.push(FieldFault { pointer, detail });
    }

    /// The request, if nothing is wrong with it and nothing is left over.
    ///
    /// # Errors
    /// A problem with every fault found.
    pub fn finish<T>(mut self, parsed: Option<T>) -> Result<T, Problem> {
        for (name, _) in &self.object.0 {
            // RFC 6901 section 3. A name may be anything, so a long one is cut.
            let name: String = name.chars().take(64).collect();
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            let detail = format!("The field is unknown; the fields are {}.", self.known.join(", "));
            self.faults.push(FieldFault { pointer, detail });
        }
        match parsed {
            Some(request) if self.faults.is_empty() => Ok(request),
            _ => Err(Problem::fields(self.faults)),
        }
    }
}

/// Where the faults of one field go.
#[derive(Debug)]
pub struct Faults<'a> {
    pointer: String,
    faults: &'a mut Vec<FieldFault>,
}

impl Faults<'_> {
    /// Notes a fault of the field.
    pub fn add(&mut self, detail: impl fmt::Display) {
        self.faults.push(FieldFault { pointer: self.pointer.clone(), detail: detail.to_string() });
    }

    /// Notes a fault of one item of the field's list.
    pub fn add_at(&mut self, index: usize, detail: impl fmt::Display) {
        self.faults.push(FieldFault { pointer: format!("{}/{index}", self.pointer), detail: detail.to_string() });
    }
}
