//! Values that no setting can have: unresolved references, placeholders and quotation marks.

use acs_tokens::config::{Program, SETTINGS};

use super::{ANONYMOUS, RESOURCE, read};

const PROGRAMS: [Program; 3] = [Program::Functions, Program::Lambda, Program::Server];

/// Asserts that each setting of each program is refused with this value, for this reason.
fn assert_refused_in_every_setting(value: &str, reason: &str) {
    for program in PROGRAMS {
        for setting in SETTINGS.iter().filter(|setting| setting.read_by.contains(&program.name())) {
            let errors = read(program, &[(setting.name, value)]).unwrap_err();
            let first = errors.0.iter().find(|error| error.setting == setting.name).unwrap();
            assert!(first.detail.contains(reason), "{program:?} {}={value}: {errors}", setting.name);
            assert!(!errors.to_string().contains("fabrikam"), "{errors}");
        }
    }
}

#[test]
fn an_unresolved_reference_is_an_error_in_every_setting() {
    let secret = "@Microsoft.KeyVault(SecretUri=https://fabrikam.vault.azure.net/secrets/a/)";
    assert_refused_in_every_setting(secret, "the role `Key Vault Secrets User`");
    assert_refused_in_every_setting(&secret.to_lowercase(), "the role `Key Vault Secrets User`");
    let value = "@Microsoft.AppConfiguration(Endpoint=https://fabrikam.azconfig.io; Key=a)";
    assert_refused_in_every_setting(value, "the role `App Configuration Data Reader`");
    assert_refused_in_every_setting(&format!("a={secret}"), "only if it is the whole value");
}

#[test]
fn quotation_marks_and_placeholders_are_errors_in_every_setting() {
    for value in ["\"fabrikam\"", "'fabrikam'", "\u{201c}fabrikam\u{201d}", "\"fabrikam"] {
        assert_refused_in_every_setting(value, "begins with a quotation mark");
    }
    for value in ["${FABRIKAM}", "web=$(openssl rand fabrikam)", "{{resolve:secretsmanager:fabrikam}}"] {
        assert_refused_in_every_setting(value, "contains the placeholder");
    }
    assert_refused_in_every_setting("\u{feff}fabrikam", "U+FEFF");
}

/// Values with marks that a reference, a placeholder or a quotation also has.
#[test]
fn other_values_are_not_mistaken_for_them() {
    let keys = ("CALLER_KEYS", "web=$2b$12$abcdefghijkl};shop=@Microsoft'abcdefgh\"");
    let policy = ("TOKEN_POLICY", r#"{"keys":{"web":{"scopes":["voip"],"maxMinutes":60}}}"#);
    read(Program::Server, &[RESOURCE, keys, policy]).unwrap();
    read(Program::Server, &[RESOURCE, ANONYMOUS, ("RUST_LOG", "\t")]).unwrap();
}
