//! A stand-in for the Azure Functions host: it reads a staged app, runs its program, and passes requests on.
//!
//! The real host is not available offline. The stand-in follows the sources of Azure/azure-functions-host,
//! Azure/azure-webjobs-sdk-extensions and `dotnet/yarp`:
//!
//! - host.json with `AzureFunctionsJobHost__…` settings over it ([`config`]); one level of function.json
//!   ([`functions`]); route templates in any case, the most specific first ([`route`]);
//! - the program polled by `GET /` every 25 ms, restarted when it ends, given up at the third failure, killed and
//!   replaced on a function timeout, killed without warning at the end ([`worker`]);
//! - keys ([`keys`]), `customHeaders`, a bare 404 for unknown paths and methods, a bare 500 for failures;
//! - requests passed on in the three ways of the host, with the losses and additions of each ([`proxy`], [`forward`],
//!   [`envelope`]). [`Generation`] selects the ways that this host knows.
//!
//! It has no other triggers and bindings, `customHandler.http.routes`, profiles, admin API, CORS, HTTPS, HTTP/2,
//! throttling and telemetry. A function timeout covers the head of the answer, not the stream that follows. The program
//! gets the app settings and the host's variables only, so a test does not depend on the environment of the machine.

#![allow(unreachable_pub, reason = "nothing in a test binary can be reached from outside")]

mod config;
mod envelope;
mod forward;
mod functions;
mod gateway;
mod journal;
mod keys;
mod proxy;
mod route;
mod wire;
mod worker;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::config::Config;
use self::gateway::Gateway;
use self::journal::Journal;
pub use self::journal::{ExitEvent, LogLine, Reaction, Severity};
pub use self::keys::Keys;
use self::worker::{Setup, Worker};

/// The limit of [`Host::until`].
const TIMEOUT: Duration = Duration::from_secs(20);

/// The ways of passing requests on that a version of the host knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// Versions since 2025: `enableProxyingHttpRequest` and forwarding.
    #[default]
    Proxying,
    /// Versions since 2020: `enableForwardingHttpRequest` only.
    Forwarding,
    /// Earlier versions: the envelope only.
    Neither,
}

/// The options of a run.
#[derive(Clone, Debug, Default)]
pub struct HostOptions {
    /// The staged folder: host.json, the program, `<name>/function.json`.
    pub app: PathBuf,
    pub generation: Generation,
    /// The app settings: the program's environment, and overrides of host.json.
    pub env: Vec<(String, String)>,
    /// `None` checks no keys, as `func start` does.
    pub keys: Option<Keys>,
}

/// A running stand-in; dropping it kills the program.
pub struct Host {
    address: SocketAddr,
    gateway: Arc<Gateway>,
    tasks: Vec<JoinHandle<()>>,
}

impl Host {
    /// Reads the app, starts its program, and listens on a free port of 127.0.0.1. Requests may be sent at once: they
    /// wait for the program.
    ///
    /// # Errors
    /// Returns the reason that keeps the real host from starting, in its words if they are known.
    pub async fn start(options: HostOptions) -> Result<Self, String> {
        let root = options.app.canonicalize().map_err(|error| format!("{}: {error}", options.app.display()))?;
        let config = Config::read(&root, &options.env)?;
        let functions = functions::discover(&root, &config.route_prefix)?;
        let journal = Journal::default();
        let port = worker::free_port().ok_or("no free port")?;
        let (worker, supervisor) = Worker::start(Setup {
            executable: root.join(&config.executable),
            script_root: root,
            environment: options.env,
            port,
            journal: journal.clone(),
        });
        let (generation, keys) = (options.generation, options.keys);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let gateway = Arc::new(Gateway { config, generation, functions, keys, port, worker, journal });
        let server = tokio::spawn(gateway::serve(listener, Arc::clone(&gateway)));
        Ok(Self { address, gateway, tasks: vec![supervisor, server] })
    }

    /// Returns the URL for clients: `http://127.0.0.1:<port>`, without a slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the lines that the program and the host have logged.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.gateway.journal.lines()
    }

    /// Returns the ends of the program that the host did not cause.
    pub fn exit_events(&self) -> Vec<ExitEvent> {
        self.gateway.journal.exits()
    }

    /// Kills the program, as the kernel does when memory is short.
    pub fn kill_worker(&self) {
        self.gateway.worker.kill();
    }

    /// Waits for `condition` of this host.
    ///
    /// # Panics
    /// After 20 seconds, with the log.
    pub async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let waited = async {
            while !condition(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let log = || self.log_lines().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(tokio::time::timeout(TIMEOUT, waited).await.is_ok(), "timed out waiting for {what}:\n{}", log());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Stages the repository's host.json and functions with `program` in a new folder inside `parent`, as `cargo xtask package
/// azure` does with the one it builds.
///
/// # Panics
/// When a file cannot be read or written.
#[expect(clippy::expect_used, reason = "without the app no test can run")]
pub fn stage(program: &Path, repository: &Path, parent: &Path) -> tempfile::TempDir {
    let app = tempfile::tempdir_in(parent).expect("a folder for the app");
    let copy = |from: &Path, to: PathBuf| {
        fs::copy(from, to).expect("a copy");
    };
    copy(&repository.join("host.json"), app.path().join("host.json"));
    for function in fs::read_dir(repository.join("functions")).expect("functions/") {
        let function = function.expect("a function's folder");
        let folder = app.path().join(function.file_name());
        fs::create_dir(&folder).expect("a folder for the function");
        copy(&function.path().join("function.json"), folder.join("function.json"));
    }
    // A debug build is large; a link to it is not.
    let handler = app.path().join("handler");
    if fs::hard_link(program, &handler).is_err() {
        copy(program, handler);
    }
    app
}
