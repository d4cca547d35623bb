//! The rules of issuers as the settings give them, and the document form of `OIDC_ISSUERS`.

use std::{fmt, path::Path};

use serde::Deserialize;

use crate::{
    config::names::nearest,
    document::{self, Object},
};

/// The members of [`Rules`].
const MEMBERS: [&str; 8] =
    ["issuer", "metadata", "audiences", "tenants", "clients", "manageRole", "rolesClaim", "requiredScope"];

/// The rules of one issuer, or the defaults for those that have none of their own.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Rules {
    pub(super) issuer: String,
    pub(super) metadata: Option<String>,
    pub(super) audiences: Option<Vec<String>>,
    pub(super) tenants: Option<Vec<String>>,
    pub(super) clients: Option<Vec<String>>,
    pub(super) manage_role: Option<String>,
    pub(super) roles_claim: Option<String>,
    pub(super) required_scope: Option<String>,
}

impl Rules {
    /// Returns these rules, completed by the defaults.
    pub(super) fn or(&self, defaults: &Self) -> Self {
        let (own, defaults) = (self.clone(), defaults.clone());
        Self {
            issuer: own.issuer,
            metadata: own.metadata,
            audiences: own.audiences.or(defaults.audiences),
            tenants: own.tenants.or(defaults.tenants),
            clients: own.clients.or(defaults.clients),
            manage_role: own.manage_role,
            roles_claim: own.roles_claim.or(defaults.roles_claim),
            required_scope: own.required_scope.or(defaults.required_scope),
        }
    }
}

/// An issuer in the setting, and its place there.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) rules: Rules,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// The number of the entry in a list of names, from 1.
    Listed(usize),
    /// The index in an array of a document.
    Element(usize),
    /// The whole document.
    Document,
}

impl Entry {
    pub(super) fn listed(index: usize, issuer: String) -> Self {
        Self { rules: Rules { issuer, ..Rules::default() }, place: Place::Listed(index + 1) }
    }

    /// Returns the text of a fault in a member, with its place.
    pub(super) fn fault(&self, member: &str, fault: impl fmt::Display) -> String {
        match self.place {
            Place::Listed(number) => format!("entry {number} {fault}"),
            Place::Element(index) => format!("[{index}].{member}: {fault}"),
            Place::Document => format!("{member}: {fault}"),
        }
    }
}

/// Returns whether the value is a document or the address of a file with one, and no list of names.
pub(super) fn is_document(text: &str) -> bool {
    text.starts_with(['[', '{']) || text.starts_with("file:")
}

/// Reads a document: one issuer, or an array of issuers.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, String> {
    let file;
    let text = match text.strip_prefix("file:") {
        Some(path) => {
            file = read_file(path)?;
            file.trim()
        }
        None => text,
    };
    if !text.starts_with('[') {
        let Object(rules) = document::read(text).map_err(suggest)?;
        return Ok(vec![Entry { rules, place: Place::Document }]);
    }
    let all: Vec<Object<Rules>> = document::read(text).map_err(suggest)?;
    if all.is_empty() {
        return Err("lists no issuer; add one, or unset it".to_owned());
    }
    Ok(all.into_iter().enumerate().map(|(i, Object(rules))| Entry { rules, place: Place::Element(i) }).collect())
}

/// Adds the nearest member to the text for an unknown one.
fn suggest(fault: String) -> String {
    let unknown = fault.split_once("unknown field `").and_then(|(_, rest)| rest.split_once('`'));
    match unknown.and_then(|(unknown, _)| nearest(unknown, MEMBERS.into_iter())) {
        Some(nearest) => format!("{fault}; did you mean `{nearest}`?"),
        None => fault,
    }
}

fn read_file(path: &str) -> Result<String, String> {
    let path = Path::new(path.strip_prefix("//").unwrap_or(path));
    if !path.is_absolute() {
        return Err("names a file by a relative path; use file:/<absolute path>".to_owned());
    }
    std::fs::read_to_string(path).map_err(|error| format!("names a file that cannot be read: {}", error.kind()))
}
