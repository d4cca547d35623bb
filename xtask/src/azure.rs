//! Stages the app for the Functions host: host.json, the program, and a folder for each function.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::archive::{self, Entry};
use crate::build::{Program, Target};
use crate::workspace::Workspace;
use crate::{Result, settings};

/// Options of `package azure`.
#[derive(Args)]
pub struct Options {
    /// Platform that the app runs on
    #[arg(long, value_enum, default_value_t = Platform::Azure)]
    target: Platform,
    /// Build without optimization; requires --target native
    #[arg(long)]
    debug: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Platform {
    /// Azure Functions: a static program for Linux on x86-64
    Azure,
    /// This machine, for `func start --script-root target/functions-app`
    Native,
}

/// Builds `handler` without the emulator, stages the app and, for Azure, zips it.
pub fn package(options: &Options) -> Result<()> {
    if options.debug && options.target == Platform::Azure {
        return Err("--debug requires --target native; deployed programs are release builds".into());
    }
    let workspace = Workspace::find()?;
    let target = if options.target == Platform::Azure { Target::X86_64Musl } else { Target::Native };
    let features = &["--no-default-features"];
    let program = Program { name: "handler", target, release: !options.debug, features }.build(&workspace)?;
    let app = App::read(&workspace.root, &program)?;
    let folder = app.stage(&workspace.output())?;
    println!("{}", archive::describe(&folder.join(&app.executable))?);
    if options.target == Platform::Azure {
        let zip = workspace.output().join("functions-app.zip");
        archive::write(&zip, app.entries)?;
        println!("{}", archive::describe(&zip)?);
    }
    Ok(())
}

/// The files of a deployable app.
pub struct App {
    /// Name of the program in the package, as in host.json.
    pub executable: String,
    entries: Vec<Entry>,
}

impl App {
    /// Reads host.json, `functions/*/function.json` and `program`.
    pub fn read(root: &Path, program: &Path) -> Result<Self> {
        let host = root.join("host.json");
        let mut host = Entry::plain("host.json", &host)?;
        let (executable, adjusted) = name_program(&host.content, program)?;
        host.content = adjusted;
        let mut entries = vec![host, Entry::program(&executable, program)?];
        for folder in fs::read_dir(root.join("functions"))? {
            let folder = folder?;
            let name = folder
                .file_name()
                .into_string()
                .map_err(|name| format!("functions/{}: the name is not UTF-8; rename the folder", name.display()))?;
            entries.push(Entry::plain(format!("{name}/function.json"), &folder.path().join("function.json"))?);
        }
        Ok(Self { executable, entries })
    }

    /// Writes the app to the folder `functions-app` below `output` and returns the folder. Deletes its old content.
    pub fn stage(&self, output: &Path) -> Result<PathBuf> {
        let folder = output.join("functions-app");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        for entry in &self.entries {
            let path = folder.join(&entry.name);
            fs::create_dir_all(path.parent().unwrap_or(&folder))?;
            fs::write(&path, &entry.content)?;
            set_mode(&path, entry.mode())?;
        }
        Ok(folder)
    }
}

/// Returns the program's name in host.json and the adjusted host.json. On Windows both get the suffix `.exe`, without
/// which the host does not find the program.
fn name_program(host_json: &[u8], program: &Path) -> Result<(String, Vec<u8>)> {
    let mut host: serde_json::Value =
        serde_json::from_slice(host_json).map_err(|error| format!("host.json is not valid JSON: {error}"))?;
    let path = settings::EXECUTABLE_PATH;
    let name = host
        .pointer_mut(path)
        .ok_or_else(|| format!("host.json: {path} is missing; set it to the name of the program"))?;
    let executable = name
        .as_str()
        .ok_or_else(|| format!("host.json: {path} is not a string; set it to the name of the program"))?
        .to_owned();
    if program.extension().is_some_and(|extension| extension == "exe") {
        let executable = format!("{executable}.exe");
        *name = executable.as_str().into();
        return Ok((executable, serde_json::to_vec_pretty(&host)?));
    }
    Ok((executable, host_json.to_vec()))
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "same signature as on Unix")]
fn set_mode(_: &Path, _: u32) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn the_staged_app_has_the_layout_that_the_host_requires() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("built");
        fs::write(&program, "program").unwrap();
        let app = App::read(&repository(), &program).unwrap();
        fs::create_dir_all(folder.path().join("functions-app/gone")).unwrap();
        let staged = app.stage(folder.path()).unwrap();
        assert!(!staged.join("gone").exists(), "files of an earlier staging remain");
        let host: serde_json::Value = serde_json::from_slice(&fs::read(staged.join("host.json")).unwrap()).unwrap();
        let executable = host["customHandler"]["description"]["defaultExecutablePath"].as_str().unwrap();
        assert_eq!(fs::read_to_string(staged.join(executable)).unwrap(), "program");
        for function in fs::read_dir(repository().join("functions")).unwrap() {
            let function = function.unwrap();
            let staged = fs::read(staged.join(function.file_name()).join("function.json")).unwrap();
            assert_eq!(staged, fs::read(function.path().join("function.json")).unwrap());
        }
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&staged.join(executable).metadata().unwrap()) & 0o777, 0o755);
    }

    #[test]
    fn the_same_app_gives_the_same_zip() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("built");
        fs::write(&program, vec![7; 100_000]).unwrap();
        let zips = ["one.zip", "two.zip"].map(|name| {
            let zip = folder.path().join(name);
            archive::write(&zip, App::read(&repository(), &program).unwrap().entries).unwrap();
            fs::read(zip).unwrap()
        });
        assert_eq!(zips[0], zips[1]);
    }

    #[test]
    fn a_windows_program_keeps_its_suffix_in_host_json() {
        let host = br#"{"customHandler":{"description":{"defaultExecutablePath":"handler"}}}"#;
        let (name, adjusted) = name_program(host, Path::new("target/debug/handler.exe")).unwrap();
        assert_eq!(name, "handler.exe");
        assert!(String::from_utf8(adjusted).unwrap().contains(r#""defaultExecutablePath": "handler.exe""#));
        let (name, untouched) = name_program(host, Path::new("target/debug/handler")).unwrap();
        assert_eq!((name.as_str(), untouched.as_slice()), ("handler", host.as_slice()));
    }

    #[test]
    fn a_host_json_without_a_program_is_rejected() {
        let error = name_program(b"{}", Path::new("handler")).unwrap_err().to_string();
        assert!(error.starts_with("host.json: /customHandler/description/defaultExecutablePath is missing"), "{error}");
    }
}
