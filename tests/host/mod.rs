//! A stand-in for the Azure Functions host: reads a staged app, runs its program, and passes requests on as it does.
//!
//! It exists because the real host can be had only over the network. What it does follows the sources of
//! Azure/azure-functions-host, Azure/azure-webjobs-sdk-extensions and `dotnet/yarp`:
//!
//! - host.json with `AzureFunctionsJobHost__…` settings over it and profiles below it ([`config`]); one level of
//!   function.json, or routes ([`functions`]); templates in any case, the most specific first ([`route`]);
//! - the program started without a shell, with the five variables, polled by `GET /` every 25 ms; started again when it
//!   ends, given up at the third end that counts; killed and replaced on a function timeout; SIGKILL at the end, without
//!   a word before it ([`worker`]);
//! - keys ([`keys`]), `customHeaders`, a bare 404 for what matches nothing, a method included, a bare 500 for failures;
//! - requests passed on in the three ways of the host, each with what it loses and adds ([`proxy`], [`forward`],
//!   [`envelope`]). [`Generation`] says which of them this host knows; host.json, which of them it wants.
//!
//! What it does not do: other triggers and bindings, the admin and runtime APIs, Easy Auth, CORS, HTTPS and so HSTS,
//! HTTP/2, web sockets, throttling, telemetry, comments in host.json, health pings after the start, forgetting strikes
//! after 30 minutes, pooled connections to the program. A function timeout bounds the answer's head, not a stream that
//! follows it. The program gets no variables but the app settings and the host's five, so that a test depends on
//! nothing in the environment of whoever runs it; the real one inherits the host's.

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

/// How long [`Host::until`] waits before it gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a host has cache by its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// From 2025: `enableProxyingHttpRequest`, and forwarding.
    #[default]
    Proxying,
    /// From 2020: `enableForwardingHttpRequest` only.
    Forwarding,
    /// Before: the envelope.
    Neither,
}

/// How to run an app.
#[derive(Clone, Debug, Default)]
pub struct HostOptions {
    /// The staged folder: host.json, the program, `<name>/function.json`.
    pub app: PathBuf,
    pub generation: Generation,
    /// The app settings: the program's environment, and overrides of host.json.
    pub env: Vec<(String, String)>,
    /// `None` checks nobody, as `func start` does.
    pub keys: Option<Keys>,
    /// Leaves a program dead that ended with code 0, as hosts up to January 2026 do.
    pub leaves_dead_after_zero: bool,
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
    /// What keeps the real host from starting, in its words where they are known.
    pub async fn start(options: HostOptions) -> Result<Self, String> {
        let root = options.app.canonicalize().map_err(|error| format!("{}: {error}", options.app.display()))?;
        let config = Config::read(&root, &options.env)?;
        let custom = options
            .env
            .iter()
            .any(|(name, value)| name == "FUNCTIONS_WORKER_RUNTIME" && value.eq_ignore_ascii_case("custom"));
        let (functions, faults) = functions::discover(&root, &config, custom)?;
        let journal = Journal::default();
        for fault in faults {
            journal.log(Severity::Error, "Host", fault);
        }
        let port = config.port.or_else(worker::free_port).ok_or("no free port")?;
        let (worker, watch) = if functions.is_empty() {
            (None, None)
        } else {
            let (worker, task) = Worker::start(setup(&options, &config, root, port, &journal));
            (Some(worker), Some(task))
        };
        let (generation, keys) = (options.generation, options.keys);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let gateway = Arc::new(Gateway { config, generation, functions, keys, port, worker, journal });
        let server = tokio::spawn(gateway::serve(listener, Arc::clone(&gateway)));
        Ok(Self { address, gateway, tasks: watch.into_iter().chain([server]).collect() })
    }

    /// Where clients send requests: `http://127.0.0.1:<port>`, without a slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same as an address, for a client that writes its own bytes.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was logged so far, by the program and by the host.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.gateway.journal.lines()
    }

    /// Every end of the program so far that the host did not bring about.
    pub fn exit_events(&self) -> Vec<ExitEvent> {
        self.gateway.journal.exits()
    }

    /// SIGKILL to the program, as the kernel would do when memory is short.
    pub fn kill_worker(&self) {
        self.gateway.worker.iter().for_each(Worker::kill);
    }

    /// Waits until the program listens, or never will again.
    pub async fn settled(&self) {
        if let Some(worker) = &self.gateway.worker {
            worker.settled().await;
        }
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
        assert!(tokio::time::timeout(PATIENCE, waited).await.is_ok(), "waited in vain for {what}:\n{}", log());
    }

    /// Stops as the real host does: SIGKILL, at once; then waits until nothing runs any more.
    pub async fn stop(mut self) {
        let Some(worker) = &self.gateway.worker else { return };
        worker.stop();
        for task in self.tasks.drain(..) {
            // Aborted or ended: both are stopped.
            let _ = task.await;
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn setup(options: &HostOptions, config: &Config, root: PathBuf, port: u16, journal: &Journal) -> Setup {
    Setup {
        executable: config.executable.clone(),
        arguments: config.arguments.clone(),
        working_directory: config.working_directory.clone(),
        script_root: root,
        environment: options.env.clone(),
        port,
        initialization_timeout: config.initialization_timeout,
        restarts_after_zero: !options.leaves_dead_after_zero,
        journal: journal.clone(),
    }
}

/// Stages the repository's host.json and functions with `program`, as `cargo xtask package azure` does with the one it
/// builds.
///
/// # Panics
/// When a file cannot be read or written.
#[expect(clippy::expect_used, reason = "without the app no test can run")]
pub fn stage(program: &Path) -> tempfile::TempDir {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let app = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the app");
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
