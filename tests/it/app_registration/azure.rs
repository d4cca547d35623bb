//! A stand-in for the Azure CLI that records its commands: it has the applications of one Entra tenant, as Graph keeps them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use http::StatusCode;
use jmespath::Variable;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command};

use crate::process;

pub(super) const TENANT: &str = "11111111-2222-4333-8444-555555555555";

/// The answer of a command: its stdout, or its error.
type Answer = Result<String, String>;

/// The tenant, and what was asked of it.
#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub(super) applications: Vec<Value>,
    /// The application ids of service principals.
    pub(super) principals: Vec<String>,
    /// Each command as one line, without the contents of files.
    pub(super) commands: Vec<String>,
    /// The number of times that creating a service principal fails, because a new application is not known everywhere yet.
    pub(super) late: u32,
    pub(super) signed_out: bool,
}

/// A tenant, and the program `az` that changes it.
pub(super) struct Azure {
    pub(super) tenant: Arc<Mutex<Tenant>>,
    folder: TempDir,
}

impl Azure {
    pub(super) async fn start() -> Self {
        let tenant = Arc::<Mutex<Tenant>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/", post(answer)).with_state(Arc::clone(&tenant));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("az");
        let text = format!(
            "#!/bin/sh\nprintf '%s\\0' \"$@\" | exec curl --noproxy '*' -sS --fail --data-binary @- http://{address}/\n"
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { tenant, folder }
    }

    /// Runs the script. Returns the exit code, stdout and stderr.
    pub(super) async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("infra/app-registration.sh");
        let mut command = Command::new("bash");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.folder.path().to_owned()).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).unwrap();
        command.arg(script).args(arguments).env("PATH", path).env("TMPDIR", self.folder.path());
        process::run(command).await
    }

    /// Returns the commands since the last call.
    pub(super) fn commands(&self) -> Vec<String> {
        std::mem::take(&mut self.tenant.lock().unwrap().commands)
    }

    /// Returns the applications and the service principals.
    pub(super) fn state(&self) -> (Vec<Value>, Vec<String>) {
        let tenant = self.tenant.lock().unwrap();
        (tenant.applications.clone(), tenant.principals.clone())
    }

    /// Returns the names of the files that are left over, besides `az`.
    pub(super) fn files(&self) -> usize {
        fs::read_dir(self.folder.path()).unwrap().count() - 1
    }
}

async fn answer(State(tenant): State<Arc<Mutex<Tenant>>>, body: Bytes) -> (StatusCode, String) {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let arguments: Vec<&str> = text.split_terminator('\0').collect();
    match tenant.lock().unwrap().run(&arguments) {
        Ok(stdout) => (StatusCode::OK, stdout),
        Err(error) => (StatusCode::BAD_REQUEST, error),
    }
}

impl Tenant {
    /// Runs a command. Only the options that the Azure CLI has for it are accepted.
    fn run(&mut self, arguments: &[&str]) -> Answer {
        self.commands.push(arguments.join(" "));
        if self.signed_out {
            return Err("Please run 'az login' to setup account.".to_owned());
        }
        let options = arguments.iter().position(|word| word.starts_with("--")).unwrap_or(arguments.len());
        let (command, options) = arguments.split_at(options);
        let option = |name: &str| options.chunks(2).find(|pair| pair[0] == name).map(|pair| pair[1]);
        let required = |name: &str| option(name).ok_or_else(|| format!("{name} is missing"));
        let value = match command {
            ["account", "show"] => json!({ "tenantId": TENANT }),
            ["ad", "app", "list"] => {
                let uri = required("--identifier-uri")?;
                let has = |app: &&Value| app["identifierUris"].as_array().unwrap().contains(&json!(uri));
                self.applications.iter().filter(has).cloned().collect()
            }
            ["ad", "app", "show"] => with_origin(self.find("appId", required("--id")?)?.clone()),
            ["ad", "app", "delete"] => {
                let id = required("--id")?.to_owned();
                self.find("appId", &id)?;
                self.applications.retain(|app| app["appId"] != id.as_str());
                self.principals.retain(|principal| *principal != id);
                Value::Null
            }
            ["ad", "sp", "list"] => {
                let filter = required("--filter")?;
                let found = self.principals.iter().filter(|id| filter == format!("appId eq '{id}'"));
                found.map(|id| json!({ "id": format!("sp-{id}"), "appId": id })).collect()
            }
            ["ad", "sp", "create"] => self.create_principal(required("--id")?)?,
            ["rest"] => {
                let url = required("--url")?.strip_prefix("https://graph.microsoft.com/v1.0/").ok_or("not Graph")?;
                assert_eq!(required("--headers")?, "Content-Type=application/json");
                let file = required("--body")?.strip_prefix('@').ok_or("not a file")?;
                let body: Value =
                    serde_json::from_str(&fs::read_to_string(file).unwrap()).map_err(|e| e.to_string())?;
                match (required("--method")?, url.split_once('/')) {
                    ("POST", None) if url == "applications" => self.create(body)?,
                    ("PATCH", Some(("applications", id))) => self.update(id, body)?,
                    other => return Err(format!("unknown request {other:?}")),
                }
            }
            other => return Err(format!("unknown command {other:?}")),
        };
        print(&value, option("--query"), option("--output").unwrap_or("json"))
    }

    fn find(&mut self, property: &str, value: &str) -> Result<&mut Value, String> {
        let found = self.applications.iter_mut().find(|app| app[property] == value);
        found.ok_or_else(|| format!("no application with {property} {value}"))
    }

    fn create(&mut self, mut app: Value) -> Result<Value, String> {
        check(&app)?;
        let taken = self.applications.iter().any(|other| other["identifierUris"] == app["identifierUris"]);
        if taken || app["api"]["requestedAccessTokenVersion"] != 2 {
            return Err("the identifier is taken, or its form needs tokens of version 2".to_owned());
        }
        let number = self.applications.len();
        app["id"] = json!(format!("0b1ec700-0000-4000-8000-{number:012}"));
        app["appId"] = json!(format!("c11e0700-0000-4000-8000-{number:012}"));
        self.applications.push(app.clone());
        Ok(app)
    }

    /// Replaces properties, and the members of `api`. Graph refuses to remove an enabled role or scope.
    fn update(&mut self, id: &str, change: Value) -> Result<Value, String> {
        check(&change)?;
        let app = self.find("id", id)?;
        for (list, new) in [(ROLES, change.pointer(ROLES)), (SCOPES, change.pointer(SCOPES))] {
            let kept = |id: &Value| new.is_none_or(|new| new.as_array().unwrap().iter().any(|item| item["id"] == *id));
            if app.pointer(list).and_then(Value::as_array).unwrap().iter().any(|old| !kept(&old["id"])) {
                return Err("CannotDeleteOrUpdateEnabledEntitlement".to_owned());
            }
        }
        let Value::Object(change) = change else { return Err("not an object".to_owned()) };
        for (name, value) in change {
            match (name.as_str(), value) {
                ("api", Value::Object(members)) => app["api"].as_object_mut().unwrap().extend(members),
                (name, value) => app[name] = value,
            }
        }
        Ok(Value::Null)
    }

    fn create_principal(&mut self, id: &str) -> Result<Value, String> {
        self.find("appId", id)?;
        if self.late > 0 {
            self.late -= 1;
            return Err("NoBackingApplicationObject".to_owned());
        }
        assert!(!self.principals.iter().any(|principal| principal == id), "{id} has a service principal");
        self.principals.push(id.to_owned());
        Ok(Value::Null)
    }
}

const ROLES: &str = "/appRoles";
const SCOPES: &str = "/api/oauth2PermissionScopes";

/// Checks what Graph requires of roles and scopes: ids that are GUIDs, unique ids and values, and no `origin`.
fn check(app: &Value) -> Result<(), String> {
    for list in [ROLES, SCOPES] {
        let items: Vec<&Map<String, Value>> =
            app.pointer(list).and_then(Value::as_array).unwrap().iter().map(|item| item.as_object().unwrap()).collect();
        for (index, item) in items.iter().enumerate() {
            let id = item["id"].as_str().unwrap().parse::<uuid::Uuid>().map_err(|error| error.to_string())?;
            let twice = items[..index].iter().any(|other| other["id"] == item["id"] || other["value"] == item["value"]);
            if twice || item.contains_key("origin") || id.get_variant() != uuid::Variant::RFC4122 {
                return Err(format!("{list}: {item:?}"));
            }
        }
    }
    Ok(())
}

/// Adds the member that Graph returns with each role and scope, and does not accept.
fn with_origin(mut app: Value) -> Value {
    for list in [ROLES, SCOPES] {
        for item in app.pointer_mut(list).and_then(Value::as_array_mut).unwrap() {
            item["origin"] = json!("Application");
        }
    }
    app
}

/// Prints a value as the Azure CLI does.
fn print(value: &Value, query: Option<&str>, output: &str) -> Answer {
    let mut value = value.clone();
    if let Some(query) = query {
        let query = jmespath::compile(query).map_err(|error| error.to_string())?;
        let found = query.search(Variable::from_json(&value.to_string())?).map_err(|error| error.to_string())?;
        value = serde_json::to_value(&*found).map_err(|error| error.to_string())?;
    }
    let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let row = |value: &Value| match value {
        Value::Array(cells) => cells.iter().map(cell).collect::<Vec<_>>().join("\t"),
        other => cell(other),
    };
    match (output, &value) {
        ("none", _) | (_, Value::Null) => Ok(String::new()),
        ("json", value) => Ok(format!("{value:#}\n")),
        ("tsv", Value::Array(rows)) => Ok(rows.iter().map(|value| row(value) + "\n").collect()),
        ("tsv", value) => Ok(cell(value) + "\n"),
        _ => Err(format!("unknown output {output}")),
    }
}
