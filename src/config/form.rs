//! The form of a value: rejects text that a platform, a shell or a file format has left in place of the value.

/// The references that Azure replaces in app settings, and the role that the app's identity needs for each.
///
/// <https://learn.microsoft.com/azure/app-service/app-service-key-vault-references>
/// <https://learn.microsoft.com/azure/app-service/app-service-configuration-references>
const REFERENCES: [(&str, &str, &str); 2] = [
    ("@microsoft.keyvault(", "a Key Vault reference", "`Key Vault Secrets User` on the vault"),
    ("@microsoft.appconfiguration(", "an App Configuration reference", "`App Configuration Data Reader` on the store"),
];

/// The marks around a variable or an expression in shells, pipelines and templates of AWS.
const PLACEHOLDERS: [(&str, &str); 3] = [("${", "}"), ("$(", ")"), ("{{", "}}")];

const QUOTES: [char; 7] = ['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}'];

/// Characters that no editor shows and no setting needs.
const INVISIBLE: [char; 5] = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}'];

/// Returns the reason why no setting can have this value. The reason does not repeat the value.
pub(super) fn check(value: &str) -> Result<(), String> {
    let lower = value.to_ascii_lowercase();
    for (mark, reference, role) in REFERENCES {
        match lower.find(mark) {
            None => {}
            Some(0) => {
                return Err(format!(
                    "is {reference} that Azure has not resolved; assign the app's managed identity the role {role}, and \
                     name a user-assigned identity in the app's keyVaultReferenceIdentity. Outside Azure Functions and \
                     App Service, set the value itself"
                ));
            }
            Some(_) => {
                return Err(format!(
                    "contains {reference}, which Azure resolves only if it is the whole value; store the whole value there"
                ));
            }
        }
    }
    let follows = |(start, end): &(&str, &str)| value.split_once(start).is_some_and(|(_, rest)| rest.contains(end));
    if let Some((start, end)) = PLACEHOLDERS.iter().find(|placeholder| follows(placeholder)) {
        return Err(format!("contains the placeholder `{start}…{end}`, which was not replaced; set the value itself"));
    }
    if let Some(c) = value.chars().find(|c| INVISIBLE.contains(c)) {
        return Err(format!(
            "contains the invisible character U+{:04X}; type the value instead of copying it",
            c as u32
        ));
    }
    if is_quoted(value) {
        return Err(
            "begins with a quotation mark, which is not part of a value here; remove the quotation marks".to_owned()
        );
    }
    Ok(())
}

/// Returns whether a text begins with a quotation mark. A key may end with one.
pub(super) fn is_quoted(text: &str) -> bool {
    text.starts_with(QUOTES)
}
