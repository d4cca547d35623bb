//! Rules about the types of resources: versions.json, and types.json, which types.py makes.

use std::{collections::BTreeSet, sync::LazyLock};

use serde_json::{Map, Value};

use super::{Rule, fault};
use crate::{
    file::{File, Resource},
    syntax::Expr,
};

const STORAGE: &str = "infra/modules/storage.bicep";
const APP: &str = "infra/modules/function-app.bicep";
const MONITORING: &str = "infra/modules/monitoring.bicep";
const COMMUNICATION: &str = "infra/modules/communication.bicep";
/// The content of types.json. It is in the repository, so it is small.
const SOURCE: &str = include_str!("../types.json");
const _: () = assert!(SOURCE.len() < 100_000);

static TYPES: LazyLock<Types> = LazyLock::new(|| Types { document: serde_json::from_str(SOURCE).unwrap() });

const VERSIONS_FILE: &str = "tests/infra/versions.json";

/// Properties that Bicep adds to resources.
const BICEP_PROPERTIES: [&str; 3] = ["parent", "scope", "dependsOn"];

pub(crate) const VERSIONS: Rule = Rule {
    name: "versions are listed",
    check: |project| {
        let listed = project.json(VERSIONS_FILE);
        let used = |resource: &Resource| (resource.kind.clone(), resource.version.clone());
        let used: BTreeSet<_> = project.files().flat_map(|file| &file.resources).map(used).collect();
        let versions = listed.as_object().into_iter().flatten();
        let versions: BTreeSet<_> =
            versions.map(|(kind, version)| (kind.clone(), version.as_str().unwrap_or_default().to_owned())).collect();
        let unlisted = used.difference(&versions).map(|(kind, version)| format!("{kind}@{version} is not listed"));
        let unused =
            versions.difference(&used).map(|(kind, version)| format!("{kind}@{version} is listed but not used"));
        unlisted.chain(unused).collect()
    },
    faults: &[
        fault(COMMUNICATION, "@2025-09-01", "@2023-04-01", "communicationServices@2023-04-01 is not listed"),
        fault(
            VERSIONS_FILE,
            "{\n",
            "{\n  \"Microsoft.Cache/redis\": \"2024-11-01\",\n",
            "redis@2024-11-01 is listed but not used",
        ),
    ],
};

pub(crate) const PROPERTIES: Rule = Rule {
    name: "properties have the types of Azure",
    check: |project| {
        let mut findings = Vec::new();
        for file in project.files() {
            for resource in file.resources.iter().filter(|resource| !resource.is_existing) {
                Checker { types: &TYPES, file, findings: &mut findings }.resource(resource);
            }
        }
        findings
    },
    faults: &[
        fault(COMMUNICATION, "@2025-09-01", "@2025-05-01", "is not in types.json"),
        fault(STORAGE, "allowSharedKeyAccess", "allowSharedKeysAccess", "allowSharedKeysAccess: is not a property"),
        fault(STORAGE, "'TLS1_2'", "'TLS12'", "minimumTlsVersion: 'TLS12' is not allowed"),
        fault(STORAGE, "enabled: true, days: 30", "enabled: true, days: '30'", "days: '30' is not allowed"),
        fault(STORAGE, "  kind: 'StorageV2'\n", "", "storageAccounts: kind is missing"),
        fault(STORAGE, "blobTypes: ['blockBlob'] ", "blobTypes: 'blockBlob' ", "blobTypes"),
        fault(APP, "'UserAssignedIdentity', user", "'UserAssigned', user", "type: 'UserAssigned' is not allowed"),
        fault(APP, "httpsOnly: true", "httpsOnly: true\n    defaultHostName: 'a'", "defaultHostName: is read-only"),
        fault(APP, "httpsOnly: true", "httpsOnly: 'true'", "httpsOnly: 'true' is not allowed"),
        fault(
            APP,
            "instanceMemoryMB: instanceMemoryMB",
            "instanceMemoryMB: identityId",
            "identityId has the type string",
        ),
        fault(APP, "{ allow: false }", "{ alow: false }", "allow is missing"),
        fault(MONITORING, "DisableLocalAuth: true", "disableLocalAuth: true", "disableLocalAuth: is not a property"),
        fault(
            MONITORING,
            "category: 'AuthOperational', enabled: true",
            "category: 'AuthOperational'",
            "enabled is missing",
        ),
        fault(
            MONITORING,
            "criterionType: 'StaticThresholdCriterion'",
            "criterionType: 'StaticThreshold'",
            "'StaticThreshold' is not",
        ),
        fault(MONITORING, "threshold: 0\n", "", "threshold is missing"),
    ],
};

/// The content of types.json.
struct Types {
    document: Value,
}

impl Types {
    fn resource(&self, resource: &Resource) -> Option<&str> {
        self.document["resources"][format!("{}@{}", resource.kind, resource.version)].as_str()
    }

    /// Returns the properties of the object `#n`.
    fn object(&self, kind: &str) -> Option<&Map<String, Value>> {
        let number: usize = kind.strip_prefix('#')?.parse().ok()?;
        self.document["objects"][number].as_object()
    }
}

struct Checker<'a> {
    types: &'a Types,
    file: &'a File,
    findings: &'a mut Vec<String>,
}

impl Checker<'_> {
    fn resource(&mut self, resource: &Resource) {
        let Some(kind) = self.types.resource(resource) else {
            return self.report(&resource.kind, "is not in types.json; add it to versions.json and run types.py");
        };
        let body = match &resource.body {
            Expr::For(_, _, body) => body,
            body => body,
        };
        if let Expr::Object(properties) = body {
            let known = properties.iter().filter(|item| !BICEP_PROPERTIES.contains(&item.name.as_str())).cloned();
            self.value(&Expr::Object(known.collect()), kind, &resource.kind);
        }
    }

    fn report(&mut self, place: &str, problem: &str) {
        self.findings.push(format!("{}: {place}: {problem}", self.file.path));
    }

    /// Compares a value with a type such as `string|#3`.
    fn value(&mut self, value: &Expr, kind: &str, place: &str) {
        match value {
            Expr::Name(name) => match self.file.variable(name) {
                Some(value) => self.value(&value.clone(), kind, place),
                None => self.parameter(name, kind, place),
            },
            Expr::Choice(_, yes, no) => [yes, no].into_iter().for_each(|value| self.value(value, kind, place)),
            Expr::Object(_) => self.object(value, kind, place),
            Expr::Array(items) => items.iter().for_each(|item| self.item(item, kind, place)),
            Expr::For(_, _, item) => self.item(item, kind, place),
            Expr::Bool(flag) if !accepts(kind, "bool") => self.report(place, &format!("{flag} is not allowed")),
            Expr::Number(number) if !accepts(kind, "int") => self.report(place, &format!("{number} is not allowed")),
            Expr::Text(_) => self.text(value, kind, place),
            _ => {}
        }
    }

    fn parameter(&mut self, name: &str, kind: &str, place: &str) {
        let parameter = self.file.parameters.iter().find(|parameter| parameter.name == name);
        let Some(parameter) =
            parameter.filter(|parameter| ["string", "int", "bool"].contains(&parameter.kind.as_str()))
        else {
            return;
        };
        let is_text = parameter.kind == "string" && kind.contains('"');
        if !is_text && !accepts(kind, &parameter.kind) {
            self.report(place, &format!("{name} has the type {}", parameter.kind));
        }
    }

    fn item(&mut self, item: &Expr, kind: &str, place: &str) {
        match alternatives(kind).find_map(|kind| kind.strip_prefix("[]")) {
            Some(kind) => self.value(item, kind, place),
            None if accepts(kind, "any") => {}
            None => self.report(place, "must not be an array"),
        }
    }

    /// Literals of an open enumeration are as strict as those of a closed one: others are mistakes.
    fn text(&mut self, value: &Expr, kind: &str, place: &str) {
        let literals: Vec<&str> =
            alternatives(kind).filter(|kind| kind.starts_with('"')).map(|kind| kind.trim_matches('"')).collect();
        match value.literal() {
            Some(text) if !literals.is_empty() && !literals.contains(&text) => {
                self.report(place, &format!("'{text}' is not allowed"));
            }
            Some(text) if literals.is_empty() && !accepts(kind, "string") => {
                self.report(place, &format!("'{text}' is not allowed"));
            }
            _ => {}
        }
    }

    fn object(&mut self, value: &Expr, kind: &str, place: &str) {
        let Some(base) = alternatives(kind).find_map(|kind| self.types.object(kind)) else {
            if kind.contains('?') {
                self.report(place, "is too deep for types.json; raise the depth in types.py");
            } else if !accepts(kind, "any") {
                self.report(place, "must not be an object");
            }
            return;
        };
        let properties = match base.get("@").and_then(Value::as_str) {
            Some(name) => self.case(value, base, name, place),
            None => base.clone(),
        };
        let Expr::Object(given) = value else { return };
        for item in given {
            let place = format!("{place}: {}", item.name);
            match properties.get(&item.name).or_else(|| properties.get("*")).and_then(Value::as_str) {
                None => self.report(&place, "is not a property"),
                Some("-") => self.report(&place, "is read-only"),
                Some(kind) => self.value(&item.value, kind.trim_start_matches('!'), &place.clone()),
            }
        }
        let required = properties.iter().filter(|(_, kind)| kind.as_str().is_some_and(|kind| kind.starts_with('!')));
        for (name, _) in required.filter(|(name, _)| value.get(name).is_none()) {
            self.report(place, &format!("{name} is missing"));
        }
    }

    /// Returns the properties of an object whose property `name` selects the type.
    fn case(&mut self, value: &Expr, base: &Map<String, Value>, name: &str, place: &str) -> Map<String, Value> {
        let selected = value.get(name).and_then(Expr::literal).unwrap_or_default();
        let case = base.get(&format!("={selected}")).and_then(Value::as_str).and_then(|kind| self.types.object(kind));
        if case.is_none() {
            self.report(place, &format!("{name}: '{selected}' is not a case"));
        }
        let all = base.iter().filter(|(name, _)| !name.starts_with(['@', '=']));
        let mut all: Map<String, Value> = all.map(|(name, kind)| (name.clone(), kind.clone())).collect();
        all.extend(case.cloned().unwrap_or_default());
        all.insert(name.to_owned(), "!string".into());
        all
    }
}

fn alternatives(kind: &str) -> impl Iterator<Item = &str> {
    kind.split('|')
}

fn accepts(kind: &str, wanted: &str) -> bool {
    alternatives(kind).any(|kind| kind == wanted || kind == "any")
}
