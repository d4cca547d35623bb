//! Settings that are JSON documents: unknown and repeated names are errors, and an error has the path of the fault.

use std::{fmt, marker::PhantomData};

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

/// Reads a document.
///
/// # Errors
/// Returns the first fault and its path. The text repeats names, but no values.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let document = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        // The path is `.` for the document, and ends with `?` if the text ends.
        let path = error.path().to_string();
        let path = path.trim_end_matches('?').trim_end_matches('.');
        let fault = describe(error.inner());
        let fault = if path.is_empty() { fault } else { format!("{path}: {fault}") };
        // An unknown name may contain line feeds. Each fault is one line.
        fault.replace(char::is_control, "?")
    })?;
    json.end().map_err(|error| describe(&error))?;
    Ok(document)
}

/// Returns the text of an error and its remedy, without the position that serde appends.
fn describe(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if !error.is_data() {
        return format!("is not JSON; correct line {line}, column {column}");
    }
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    match text.rsplit_once(", expected ") {
        // serde repeats a value of the wrong type. It may be a secret that was put into the wrong setting.
        Some((_, expected)) if expected.starts_with("struct ") => "must be an object".to_owned(),
        Some((_, expected)) if text.starts_with("invalid type") => {
            format!("must be {}", expected.replace("a sequence", "an array"))
        }
        _ if text.starts_with("missing field") => format!("{text}; add it"),
        _ if text.starts_with("duplicate field") => format!("{text}; keep one"),
        _ => text.to_owned(),
    }
}

/// A value that is written as an object. serde also reads a struct from an array of its fields.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}
