//! Rules about alerts: only with addresses, and with queries that fit the log.

use std::collections::BTreeSet;

use super::{Rule, fault};
use crate::syntax::Expr;

const MONITORING: &str = "infra/modules/monitoring.bicep";
const ALERTS: [&str; 6] =
    ["acs-access-denied", "acs-limit-reached", "error-logged", "log-cap-reached", "many-failures", "slow-requests"];

pub(crate) const CONDITION: Rule = Rule {
    name: "alerts need addresses",
    check: |project| {
        let kinds = ["actionGroups", "scheduledQueryRules", "metricAlerts"];
        let resources = project.files().flat_map(|file| &file.resources);
        let alerts: Vec<_> =
            resources.filter(|resource| kinds.iter().any(|kind| resource.kind.ends_with(kind))).collect();
        let wanted = Expr::Unary(
            "!".to_owned(),
            Box::new(Expr::Call("empty".to_owned(), vec![Expr::Name("emails".to_owned())])),
        );
        let lax = alerts.iter().filter(|resource| resource.condition.as_ref() != Some(&wanted));
        let mut findings: Vec<String> = lax.map(|resource| format!("{} needs no address", resource.symbol)).collect();
        if alerts.len() != kinds.len() {
            findings.push(format!("there are {} resources for alerts", alerts.len()));
        }
        findings
    },
    faults: &[
        fault(
            MONITORING,
            "in items(logQueries): if (!empty(emails)) {",
            "in items(logQueries): {",
            "logRules needs no address",
        ),
        fault(
            MONITORING,
            "actionGroups@2023-01-01' = if (!empty(emails)) {",
            "actionGroups@2023-01-01' = {",
            "operators needs no address",
        ),
    ],
};

pub(crate) const QUERIES: Rule = Rule {
    name: "alerts read what the log has",
    check: |project| {
        let file = project.file(MONITORING);
        let mut findings = Vec::new();
        let mut names = BTreeSet::new();
        for variable in ["logQueries", "communicationMetrics"] {
            let Some(Expr::Object(alerts)) = file.variable(variable) else { continue };
            names.extend(alerts.iter().map(|alert| alert.name.as_str()));
        }
        if names.iter().ne(&ALERTS) {
            findings.push(format!("the alerts are {names:?}"));
        }
        let known = fields(project.document("docs/operations.md"));
        for (_, value) in file.expressions() {
            value.visit(&mut |part| {
                let Expr::Literal(query) = part else { return };
                for rest in query.split("line.").skip(1) {
                    let field: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                    if !known.contains(&field) {
                        findings.push(format!("the log has no field {field}"));
                    }
                }
            });
        }
        let denied = file.variable("communicationMetrics").and_then(|metrics| metrics.get("acs-access-denied"));
        let mut is_excluded = false;
        if let Some(denied) = denied {
            denied.visit(&mut |dimension| {
                let text = |name: &str| dimension.get(name).and_then(Expr::literal);
                is_excluded |= text("name") == Some("Operation") && text("operator") == Some("Exclude");
            });
        }
        if !is_excluded {
            findings.push("the readiness check raises an alert".to_owned());
        }
        findings
    },
    faults: &[
        fault(MONITORING, "line.duration_ms", "line.duration", "the log has no field duration"),
        fault(MONITORING, "'slow-requests'", "'slow'", "the alerts are"),
        fault(MONITORING, "'Exclude'", "'Include'", "the readiness check raises an alert"),
        fault("docs/operations.md", "| `status` |", "| `state` |", "the log has no field status"),
    ],
};

/// Returns the fields in the first column of the table of fields.
fn fields(document: &str) -> BTreeSet<String> {
    let section = document.split_once("### Fields").map_or("", |(_, rest)| rest);
    let rows = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let names = rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}
