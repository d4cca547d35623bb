//! The program of an app: started, polled until it listens, restarted when it ends, killed at the end.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use hyper::Request;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::journal::{ExitEvent, Journal, Reaction, Severity};
use super::wire;

/// The host gives up at this failure.
const STRIKES: usize = 3;
/// The interval of the host's requests to a program that does not listen yet.
const POLL: Duration = Duration::from_millis(25);
/// The time a program has to listen.
const INITIALIZATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The start options of a program.
pub struct Setup {
    pub executable: PathBuf,
    pub script_root: PathBuf,
    /// The app settings.
    pub environment: Vec<(String, String)>,
    pub port: u16,
    pub journal: Journal,
}

/// The state of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Starting,
    Ready,
    /// The host has given up, or was stopped.
    Stopped,
}

enum Action {
    Kill,
    Replace,
}

/// A supervised program.
pub struct Worker {
    state: watch::Receiver<State>,
    actions: mpsc::UnboundedSender<Action>,
}

enum End {
    Exited(ExitStatus),
    Failed(String),
    Replaced,
    Stopped,
}

impl Worker {
    /// Starts the program and keeps it running.
    pub fn start(setup: Setup) -> (Self, JoinHandle<()>) {
        let (announce, state) = watch::channel(State::Starting);
        let (actions, inbox) = mpsc::unbounded_channel();
        let task = tokio::spawn(supervise(setup, announce, inbox));
        (Self { state, actions }, task)
    }

    /// Waits until the program listens, or the host has given up.
    pub async fn started(&self) -> State {
        let mut state = self.state.clone();
        let started = state.wait_for(|state| *state != State::Starting).await;
        started.map_or(State::Stopped, |state| *state)
    }

    /// Waits until the host has given up or was stopped.
    pub async fn stopped(&self) {
        let mut state = self.state.clone();
        // An error means that the supervisor has ended, so the program has too.
        let _ = state.wait_for(|state| *state == State::Stopped).await;
    }

    /// Kills the program from outside, as the kernel does when memory is short.
    pub fn kill(&self) {
        let _ = self.actions.send(Action::Kill);
    }

    /// Kills the program and starts another without counting a failure, as on a function timeout.
    pub fn replace(&self) {
        let _ = self.actions.send(Action::Replace);
    }
}

async fn supervise(setup: Setup, announce: watch::Sender<State>, mut actions: mpsc::UnboundedReceiver<Action>) {
    let mut strikes = 0;
    loop {
        announce.send_replace(State::Starting);
        let (code, fault) = match setup.run(&announce, &mut actions).await {
            End::Replaced => continue,
            End::Stopped => break,
            End::Exited(status) => (Some(exit_code(status)), setup.describe(exit_code(status))),
            End::Failed(fault) => (None, fault),
        };
        setup.journal.log(Severity::Error, fault);
        let reaction = match code {
            Some(0) => Reaction::Restarted,
            _ if strikes + 1 == STRIKES => Reaction::HostStopped,
            _ => Reaction::CountedAndRestarted,
        };
        setup.journal.exited(ExitEvent { code, reaction });
        match reaction {
            Reaction::Restarted => {}
            Reaction::CountedAndRestarted => strikes += 1,
            Reaction::HostStopped => {
                let text = "Exceeded http worker restart retry count. Shutting down Functions Host";
                setup.journal.log(Severity::Error, text);
                break;
            }
        }
    }
    announce.send_replace(State::Stopped);
}

impl Setup {
    /// Runs the program until it ends or is killed.
    async fn run(&self, announce: &watch::Sender<State>, actions: &mut mpsc::UnboundedReceiver<Action>) -> End {
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => return End::Failed(format!("Failed to start {}: {error}", self.executable.display())),
        };
        let readers = [self.read(false, child.stdout.take()), self.read(true, child.stderr.take())];
        let mut listening = Box::pin(self.listening());
        let mut waiting = true;
        let end = loop {
            tokio::select! {
                status = child.wait() => break status.map_or_else(|error| End::Failed(error.to_string()), End::Exited),
                in_time = &mut listening, if waiting => {
                    waiting = false;
                    if !in_time {
                        break End::Failed(format!("Failed to start HttpWorker on port {} in time", self.port));
                    }
                    announce.send_replace(State::Ready);
                }
                action = actions.recv() => match action {
                    Some(Action::Kill) => drop(child.start_kill()),
                    Some(Action::Replace) => break End::Replaced,
                    None => break End::Stopped,
                },
            }
        };
        announce.send_replace(State::Starting);
        let _ = child.kill().await;
        for reader in readers {
            // A process the program left behind may hold the pipe open; its lines are not waited for.
            let _ = tokio::time::timeout(Duration::from_secs(1), reader).await;
        }
        end
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let id = uuid::Uuid::new_v4().to_string();
        let port = self.port.to_string();
        Command::new(&self.executable)
            .current_dir(&self.script_root)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("FUNCTIONS_HTTPWORKER_PORT", &port)
            .env("FUNCTIONS_HTTPWORKER_ID", &id)
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", &port)
            .env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &id)
            .env("FUNCTIONS_APP_ROOT_PATH", &self.script_root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }

    fn read(&self, stderr: bool, stream: Option<impl AsyncRead + Unpin + Send + 'static>) -> JoinHandle<()> {
        let journal = self.journal.clone();
        tokio::spawn(async move {
            let Some(stream) = stream else { return };
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                journal.console(stderr, &line);
            }
        })
    }

    /// Returns whether the program answers `GET /` within [`INITIALIZATION_TIMEOUT`].
    async fn listening(&self) -> bool {
        let answered = async {
            loop {
                let ping = Request::get("/").header("host", format!("127.0.0.1:{}", self.port)).body(wire::empty());
                if let Ok(ping) = ping
                    && !matches!(wire::send(self.port, ping).await, Err(wire::Failure::Connect(_)))
                {
                    return;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(INITIALIZATION_TIMEOUT, answered).await.is_ok()
    }

    fn describe(&self, code: i32) -> String {
        let errors = self.journal.last_errors();
        format!("{} exited with code {code} (0x{code:X}). {errors}", self.executable.display())
    }
}

#[cfg(unix)]
fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

#[cfg(not(unix))]
fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}

/// Returns a free port below the range of ephemeral ports, so that no outgoing connection takes it before the program
/// starts. Each worker of a test run gets another one.
pub fn free_port() -> Option<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 97).ok()? * 100;
    (0..10_000).find_map(|_| {
        let port = 20_000 + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        std::net::TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
    })
}
