//! Names that look like a setting and are none.

use std::ffi::OsString;

use super::{SettingWarning, table::SETTINGS};

/// Prefixes that only settings of this service have.
const PREFIXES: [&str; 5] = ["COMMUNICATION_SERVICES_", "OIDC_", "CALLER_KEY", "USER_DIRECTORY", "EASY_AUTH"];

/// Returns a warning for each name of a variable that resembles a setting.
pub fn unknown_settings(names: impl IntoIterator<Item = OsString>) -> Vec<SettingWarning> {
    let mut names: Vec<String> = names.into_iter().filter_map(|name| name.into_string().ok()).collect();
    names.sort_unstable();
    names.into_iter().filter_map(unknown_setting).collect()
}

fn unknown_setting(name: String) -> Option<SettingWarning> {
    // Windows does not distinguish upper and lower case in names of variables.
    let is_known = |known: &str| name == known || cfg!(windows) && name.eq_ignore_ascii_case(known);
    if SETTINGS.iter().any(|setting| is_known(setting.name)) {
        return None;
    }
    // AWS and its tools have many variables whose names differ by one or two letters.
    let ours = SETTINGS.iter().filter(|setting| setting.section != "AWS").map(|setting| setting.name);
    let upper = name.to_ascii_uppercase();
    let detail = match nearest(&upper, ours) {
        Some(nearest) => format!("is not a setting; did you mean {nearest}?"),
        None if PREFIXES.iter().any(|prefix| upper.starts_with(prefix)) => {
            "is not a setting and has no effect; docs/settings.md lists the settings".to_owned()
        }
        None => return None,
    };
    Some(SettingWarning { setting: name, detail })
}

/// Returns the name that a text differs from by a few letters only: one in five, and two at most.
pub(crate) fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let letters_of_text = letters(text);
    let distances = names.filter_map(|name| {
        let most = (name.len() / 5).min(2);
        // The distance takes thousands of instructions, and there is one for each variable and setting. These two
        // comparisons exclude nearly all of them: a change of a letter affects the length by one and the letters by two.
        let other_letters = (letters_of_text ^ letters(name)).count_ones() as usize;
        let is_possible = name.len() > 5 && text.len().abs_diff(name.len()) <= most && other_letters <= 2 * most;
        let distance = is_possible.then(|| strsim::osa_distance(text, name))?;
        (distance <= most).then_some((distance, name))
    });
    distances.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Returns the set of bytes in a text, by their last six bits.
fn letters(text: &str) -> u64 {
    text.bytes().fold(0, |set, byte| set | 1 << (byte & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_resemble_a_setting_are_warned_of_with_the_nearest_one() {
        for (name, expected) in [
            ("COMUNICATION_SERVICES_CONNECTION_STRING", Some("COMMUNICATION_SERVICES_CONNECTION_STRING")),
            ("COMMUNICATION_SERVICES_ACCESS_KEY", Some("COMMUNICATION_SERVICES_ACCESSKEY")),
            ("OIDC_ISSUER", Some("OIDC_ISSUERS")),
            ("OIDC_AUDIENCE", Some("OIDC_AUDIENCES")),
            ("CALLER_KEY", Some("CALLER_KEYS")),
            ("CALLERS_KEY", Some("CALLER_KEYS")),
            ("USERDIRECTORY", Some("USER_DIRECTORY")),
            ("user_directory", Some("USER_DIRECTORY")),
            ("RATE_LIMITS", Some("RATE_LIMIT")),
            ("AZURE_CLIENTID", Some("AZURE_CLIENT_ID")),
            ("COMMUNICATION_SERVICES_PREVIEW", None),
            ("OIDC_SECRET", None),
            ("EASY_AUTH", None),
        ] {
            let warnings = unknown_settings([OsString::from(name)]);
            assert_eq!(warnings.len(), 1, "{name}");
            let detail = &warnings[0].detail;
            assert_eq!(warnings[0].setting, name);
            assert_eq!(expected.is_some(), detail.contains("did you mean"), "{name}: {detail}");
            assert!(expected.is_none_or(|expected| detail.ends_with(&format!(" {expected}?"))), "{name}: {detail}");
        }
    }

    #[test]
    fn settings_and_variables_of_other_programs_are_not_warned_of() {
        let others = [
            "PATH",
            "HOME",
            "HOST",
            "SPORT",
            "PORTS",
            "HTTP_PORT",
            "LANG",
            "RUST_BACKTRACE",
            "ARM_CLIENT_ID",
            "ARM_TENANT_ID",
            "AZURE_CLIENT_SECRET",
            "AWS_ACCESS_KEY",
            "AWS_ENDPOINT_URL_SQS",
            "AWS_PROFILE",
            "AWS_LAMBDA_FUNCTION_NAME",
            "MSI_ENDPOINT",
            "APPSETTING_OIDC_ISSUER",
            "FUNCTIONS_WORKER_RUNTIME",
            "FUNCTIONS_EXTENSION_VERSION",
            "WEBSITE_SITE_NAME",
            "AzureWebJobsStorage",
            "HTTPS_PROXY",
            "SSL_CERT_FILE",
        ];
        let names = others.into_iter().chain(SETTINGS.iter().map(|setting| setting.name));
        assert_eq!(unknown_settings(names.map(OsString::from)), []);
    }
}
