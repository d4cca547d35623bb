//! local.settings.json, which Core Tools turns into environment variables: what it must say to run an app from where it
//! was built.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::Result;

/// Where host.json names the program, as a JSON pointer (RFC 6901).
pub const EXECUTABLE_PATH: &str = "/customHandler/description/defaultExecutablePath";

/// A setting whose name starts so overrides host.json; `__` stands between keys.
const OVERRIDE: &str = "AzureFunctionsJobHost__customHandler__";

/// What runs the app in the repository itself: one route for everything in place of the function.json files, which are
/// not where the host looks for them, and the program where cargo builds it.
fn in_place(program: &str) -> [(String, Value); 4] {
    [
        ("FUNCTIONS_WORKER_RUNTIME".into(), "custom".into()),
        (format!("{OVERRIDE}description__defaultExecutablePath"), program.into()),
        (format!("{OVERRIDE}http__routes__0__route"), "{*route}".into()),
        (format!("{OVERRIDE}http__routes__0__authorizationLevel"), "Function".into()),
    ]
}

/// Adds to the settings in `root` what [`in_place`] says, and keeps what else they hold.
pub fn write_in_place(root: &Path, program: &Path) -> Result<()> {
    let path = root.join("local.settings.json");
    let mut settings = read(&path)?.unwrap_or_else(|| json!({ "Values": { "AzureWebJobsStorage": "" } }));
    // Absent means true, and then Core Tools tries to decrypt plain values.
    settings["IsEncrypted"] = false.into();
    let program = program.strip_prefix(root).unwrap_or(program).to_string_lossy().replace('\\', "/");
    values(&mut settings)?.extend(in_place(&program));
    Ok(fs::write(path, format!("{settings:#}\n"))?)
}

/// Copies the settings in `root`, where there are any, beside the app staged in `folder`, but for those that
/// [`write_in_place`] added: the host refuses to start with both routes and function.json files.
pub fn copy_for_staged(root: &Path, folder: &Path) -> Result<()> {
    let name = "local.settings.json";
    let Some(mut settings) = read(&root.join(name))? else { return Ok(()) };
    values(&mut settings)?.retain(|key, _| !key.starts_with(OVERRIDE));
    Ok(fs::write(folder.join(name), format!("{settings:#}\n"))?)
}

fn read(path: &Path) -> Result<Option<Value>> {
    if !path.exists() {
        return Ok(None);
    }
    let settings: Value = serde_json::from_slice(&fs::read(path)?)
        .map_err(|error| format!("{}: {error}; left as it is", path.display()))?;
    if settings["IsEncrypted"].as_bool() == Some(true) {
        return Err(format!("{} is encrypted; run `func settings decrypt` first", path.display()).into());
    }
    Ok(Some(settings))
}

fn values(settings: &mut Value) -> Result<&mut Map<String, Value>> {
    let settings = settings.as_object_mut().ok_or("local.settings.json is no JSON object")?;
    let values = settings.entry("Values").or_insert_with(|| json!({}));
    values.as_object_mut().ok_or_else(|| "local.settings.json: Values is no JSON object".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path) -> Value {
        serde_json::from_slice(&fs::read(folder.join("local.settings.json")).unwrap()).unwrap()
    }

    #[test]
    fn in_place_settings_route_everything_to_the_built_program() {
        let root = tempfile::tempdir().unwrap();
        write_in_place(root.path(), &root.path().join("target").join("debug").join("handler")).unwrap();
        let expected = json!({
            "IsEncrypted": false,
            "Values": {
                "AzureWebJobsStorage": "",
                "FUNCTIONS_WORKER_RUNTIME": "custom",
                "AzureFunctionsJobHost__customHandler__description__defaultExecutablePath": "target/debug/handler",
                "AzureFunctionsJobHost__customHandler__http__routes__0__route": "{*route}",
                "AzureFunctionsJobHost__customHandler__http__routes__0__authorizationLevel": "Function",
            }
        });
        assert_eq!(written(root.path()), expected);
    }

    #[test]
    fn what_somebody_wrote_is_kept_and_left_out_of_nothing_but_the_overrides() {
        let (root, staged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let before = json!({ "Values": { "MINE": "1" }, "Host": { "LocalHttpPort": 7099 } });
        fs::write(root.path().join("local.settings.json"), before.to_string()).unwrap();
        write_in_place(root.path(), Path::new("/elsewhere/debug/handler")).unwrap();
        let settings = written(root.path());
        assert_eq!(settings["Values"]["MINE"], "1");
        assert_eq!(settings["Host"]["LocalHttpPort"], 7099);
        assert_eq!(
            settings["Values"][format!("{OVERRIDE}description__defaultExecutablePath")],
            "/elsewhere/debug/handler"
        );

        copy_for_staged(root.path(), staged.path()).unwrap();
        let copied = json!({ "MINE": "1", "FUNCTIONS_WORKER_RUNTIME": "custom" });
        assert_eq!(written(staged.path())["Values"], copied);
    }

    #[test]
    fn settings_that_cannot_be_read_are_not_overwritten() {
        let root = tempfile::tempdir().unwrap();
        for (text, fault) in [("// mine\n{}", "left as it is"), (r#"{"IsEncrypted":true}"#, "is encrypted")] {
            fs::write(root.path().join("local.settings.json"), text).unwrap();
            let error = write_in_place(root.path(), Path::new("handler")).unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
            assert_eq!(fs::read_to_string(root.path().join("local.settings.json")).unwrap(), text);
        }
    }
}
