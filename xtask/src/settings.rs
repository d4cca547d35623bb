//! Writes local.settings.json, which Core Tools turns into environment variables.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::Result;

/// JSON pointer (RFC 6901) to the program's name in host.json.
pub const EXECUTABLE_PATH: &str = "/customHandler/description/defaultExecutablePath";

/// Prefix of settings that override host.json. `__` separates keys.
const OVERRIDE: &str = "AzureFunctionsJobHost__customHandler__";

/// Returns the settings to run the app in the repository: the path of the built program, and one route for all paths.
/// The route replaces the function.json files, which the host looks for in other folders.
fn in_place(program: &str) -> [(String, Value); 4] {
    [
        ("FUNCTIONS_WORKER_RUNTIME".into(), "custom".into()),
        (format!("{OVERRIDE}description__defaultExecutablePath"), program.into()),
        (format!("{OVERRIDE}http__routes__0__route"), "{*route}".into()),
        (format!("{OVERRIDE}http__routes__0__authorizationLevel"), "Function".into()),
    ]
}

/// Adds the settings of [`in_place`] to local.settings.json in `root`. Keeps all other settings.
pub fn write_in_place(root: &Path, program: &Path) -> Result<()> {
    let path = root.join("local.settings.json");
    let mut settings = read(&path)?.unwrap_or_else(|| json!({ "Values": { "AzureWebJobsStorage": "" } }));
    // The default is true; Core Tools would then try to decrypt plain values.
    settings["IsEncrypted"] = false.into();
    let program = program.strip_prefix(root).unwrap_or(program).to_string_lossy().replace('\\', "/");
    values(&mut settings)?.extend(in_place(&program));
    Ok(fs::write(path, format!("{settings:#}\n"))?)
}

/// Copies local.settings.json from `root` to the staged app in `folder`, if there is one.
///
/// Omits the settings that [`write_in_place`] adds: the host does not start with both routes and function.json files.
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
        .map_err(|error| format!("{} is not valid JSON ({error}); correct or delete it", path.display()))?;
    if settings["IsEncrypted"].as_bool() == Some(true) {
        return Err(format!("{} is encrypted; run `func settings decrypt`", path.display()).into());
    }
    Ok(Some(settings))
}

fn values(settings: &mut Value) -> Result<&mut Map<String, Value>> {
    let settings = settings.as_object_mut().ok_or("local.settings.json is not a JSON object; correct or delete it")?;
    let values = settings.entry("Values").or_insert_with(|| json!({}));
    values
        .as_object_mut()
        .ok_or_else(|| "local.settings.json: Values is not a JSON object; correct or delete it".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(folder: &Path) -> Value {
        serde_json::from_slice(&fs::read(folder.join("local.settings.json")).unwrap()).unwrap()
    }

    #[test]
    fn in_place_settings_route_all_paths_to_the_built_program() {
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
        assert_eq!(read_back(root.path()), expected);
    }

    #[test]
    fn other_settings_are_kept_and_copied_without_the_overrides() {
        let (root, staged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let before = json!({ "Values": { "MINE": "1" }, "Host": { "LocalHttpPort": 7099 } });
        fs::write(root.path().join("local.settings.json"), before.to_string()).unwrap();
        write_in_place(root.path(), Path::new("/elsewhere/debug/handler")).unwrap();
        let settings = read_back(root.path());
        assert_eq!(settings["Values"]["MINE"], "1");
        assert_eq!(settings["Host"]["LocalHttpPort"], 7099);
        assert_eq!(
            settings["Values"][format!("{OVERRIDE}description__defaultExecutablePath")],
            "/elsewhere/debug/handler"
        );

        copy_for_staged(root.path(), staged.path()).unwrap();
        let copied = json!({ "MINE": "1", "FUNCTIONS_WORKER_RUNTIME": "custom" });
        assert_eq!(read_back(staged.path())["Values"], copied);
    }

    #[test]
    fn unreadable_settings_are_not_overwritten() {
        let root = tempfile::tempdir().unwrap();
        for (text, expected) in [("// comment\n{}", "is not valid JSON"), (r#"{"IsEncrypted":true}"#, "is encrypted")] {
            fs::write(root.path().join("local.settings.json"), text).unwrap();
            let error = write_in_place(root.path(), Path::new("handler")).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(fs::read_to_string(root.path().join("local.settings.json")).unwrap(), text);
        }
    }
}
