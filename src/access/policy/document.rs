//! The policy as JSON: read strictly, and every fault noted with its place.
//!
//! It says who may have what, so nothing in it is passed over: a name misspelt or written twice is a fault.

use std::{collections::BTreeMap, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Grant, Policy};
use crate::acs::types::{InvalidScopes, Scope, TokenLifetime, UnknownScope};

/// Reads the whole document; the faults have their JSON pointers (RFC 6901) in front.
pub(super) fn read(text: &str) -> Result<Policy, Vec<String>> {
    let node: Node = serde_json::from_str(text)
        .map_err(|error| vec![format!("is not JSON: see line {}, column {}", error.line(), error.column())])?;
    let mut faults = Faults(Vec::new());
    let mut policy = Policy::default();
    faults.object("", node, "default, roles, keys", |faults, name, pointer, node| {
        match name {
            "default" => policy.default = faults.grant(pointer, node).unwrap_or_default(),
            "roles" => policy.roles = faults.grants(pointer, node),
            "keys" => policy.keys = faults.grants(pointer, node),
            _ => return false,
        }
        true
    });
    if faults.0.is_empty() { Ok(policy) } else { Err(faults.0) }
}

struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, pointer: &str, detail: impl fmt::Display) {
        let place = if pointer.is_empty() { "the whole" } else { pointer };
        self.0.push(format!("{place} {detail}"));
    }

    /// Hands each field of an object to `take`, which says whether it knows the name.
    fn object(
        &mut self,
        pointer: &str,
        node: Node,
        known: &str,
        mut take: impl FnMut(&mut Self, &str, &str, Node) -> bool,
    ) {
        let Node::Object(entries) = node else { return self.add(pointer, "is not an object") };
        let mut seen: Vec<String> = Vec::new();
        for (name, node) in entries {
            let place = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            if seen.contains(&name) {
                self.add(&place, "stands there twice");
            } else if !take(self, &name, &place, node) {
                self.add(&place, format_args!("is unknown; known are {known}"));
            }
            seen.push(name);
        }
    }

    fn grants(&mut self, pointer: &str, node: Node) -> BTreeMap<String, Grant> {
        let mut grants = BTreeMap::new();
        self.object(pointer, node, "", |faults, name, pointer, node| {
            if name.trim().is_empty() {
                faults.add(pointer, "has no name");
            }
            grants.extend(faults.grant(pointer, node).map(|grant| (name.to_owned(), grant)));
            true
        });
        grants
    }

    fn grant(&mut self, pointer: &str, node: Node) -> Option<Grant> {
        let is_object = matches!(node, Node::Object(_));
        let (mut scopes, mut longest) = (None, None);
        self.object(pointer, node, "scopes, maxMinutes", |faults, name, pointer, node| {
            match name {
                "scopes" => scopes = Some(faults.scopes(pointer, node)),
                "maxMinutes" => longest = Some(faults.minutes(pointer, &node)),
                _ => return false,
            }
            true
        });
        for (name, missing) in [("scopes", scopes.is_none()), ("maxMinutes", longest.is_none())] {
            if missing && is_object {
                self.add(&format!("{pointer}/{name}"), "is missing");
            }
        }
        Some(Grant { scopes: scopes?, longest: longest?? })
    }

    fn scopes(&mut self, pointer: &str, node: Node) -> Vec<Scope> {
        let Node::List(items) = node else {
            self.add(pointer, "is not a list of scopes");
            return Vec::new();
        };
        if items.is_empty() {
            self.add(pointer, "is empty; name at least one scope");
        }
        let mut scopes = Vec::new();
        for (i, item) in items.into_iter().enumerate() {
            let place = format!("{pointer}/{i}");
            let scope = if let Node::Text(text) = item { text.parse::<Scope>().ok() } else { None };
            match scope {
                Some(scope) if scopes.contains(&scope) => {
                    self.add(&place, format_args!("is once too many: {}", InvalidScopes::Repeated(scope)));
                }
                Some(scope) => scopes.push(scope),
                None => self.add(&place, format_args!("is {UnknownScope}")),
            }
        }
        Scope::ALL.into_iter().filter(|scope| scopes.contains(scope)).collect()
    }

    fn minutes(&mut self, pointer: &str, node: &Node) -> Option<TokenLifetime> {
        let minutes = if let Node::Whole(minutes) = node { TokenLifetime::from_minutes(*minutes).ok() } else { None };
        if minutes.is_none() {
            self.add(pointer, "is not a whole number from 60 to 1440");
        }
        minutes
    }
}

/// JSON in which a name that stands twice is still seen; of two values, another reader might take the other one.
enum Node {
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    Text(String),
    Whole(i64),
    /// Nothing that a policy has: true, false, null, and other numbers.
    Other,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;
        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Node::Object(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Node::List(items))
            }

            fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Text(text.to_owned()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
                Ok(Node::Whole(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
                Ok(i64::try_from(number).map_or(Node::Other, Node::Whole))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
                Ok(Node::Other)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
                Ok(Node::Other)
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Other)
            }
        }
        deserializer.deserialize_any(NodeVisitor)
    }
}
