//! The program under the host: started, polled until it listens, started again when it ends, killed at the end.

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

/// So many ends that count stop the host.
const STRIKES: usize = 3;
const POLL: Duration = Duration::from_millis(25);

/// How a program is started.
pub struct Setup {
    pub executable: PathBuf,
    pub arguments: Vec<String>,
    pub working_directory: PathBuf,
    pub script_root: PathBuf,
    /// The app settings.
    pub environment: Vec<(String, String)>,
    pub port: u16,
    pub initialization_timeout: Duration,
    /// Hosts since early 2026 start a program again that ended with code 0.
    pub restarts_after_zero: bool,
    pub journal: Journal,
}

/// What the program is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Starting,
    Ready,
    /// Ended with code 0 under an older host.
    Dead,
    /// The host has given up, or was stopped.
    Stopped,
}

enum Order {
    Kill,
    Replace,
    Stop,
}

/// A program, watched over.
pub struct Worker {
    state: watch::Receiver<State>,
    orders: mpsc::UnboundedSender<Order>,
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
        let (orders, inbox) = mpsc::unbounded_channel();
        let task = tokio::spawn(supervise(setup, announce, inbox));
        (Self { state, orders }, task)
    }

    /// Waits until the program listens, or never will.
    pub async fn settled(&self) -> State {
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| *state != State::Starting).await;
        settled.map_or(State::Stopped, |state| *state)
    }

    /// Waits until the host has given up or was stopped.
    pub async fn stopped(&self) {
        let mut state = self.state.clone();
        // An error means that the supervisor is gone, which is as stopped as can be.
        let _ = state.wait_for(|state| *state == State::Stopped).await;
    }

    /// SIGKILL from outside: the host sees the program end.
    pub fn kill(&self) {
        let _ = self.orders.send(Order::Kill);
    }

    /// What the host does on a function timeout: kills the program and starts another, counting nothing.
    pub fn replace(&self) {
        let _ = self.orders.send(Order::Replace);
    }

    /// SIGKILL, for good.
    pub fn stop(&self) {
        let _ = self.orders.send(Order::Stop);
    }
}

async fn supervise(setup: Setup, announce: watch::Sender<State>, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut strikes = 0;
    loop {
        announce.send_replace(State::Starting);
        let (code, fault) = match setup.run(&announce, &mut orders).await {
            End::Replaced => continue,
            End::Stopped => break,
            End::Exited(status) => (Some(exit_code(status)), setup.describe(exit_code(status))),
            End::Failed(fault) => (None, fault),
        };
        setup.journal.log(Severity::Error, "Host", fault);
        let reaction = match code {
            Some(200) => Reaction::Restarted,
            Some(0) if setup.restarts_after_zero => Reaction::Restarted,
            Some(0) => Reaction::LeftDead,
            _ if strikes + 1 == STRIKES => Reaction::HostStopped,
            _ => Reaction::CountedAndRestarted,
        };
        setup.journal.exited(ExitEvent { code, reaction });
        match reaction {
            Reaction::Restarted => {}
            Reaction::CountedAndRestarted => strikes += 1,
            Reaction::LeftDead => {
                announce.send_replace(State::Dead);
                while !matches!(orders.recv().await, Some(Order::Stop) | None) {}
                break;
            }
            Reaction::HostStopped => {
                let text = "Exceeded http worker restart retry count. Shutting down Functions Host";
                setup.journal.log(Severity::Error, "Host", text);
                break;
            }
        }
    }
    announce.send_replace(State::Stopped);
}

impl Setup {
    /// One life of the program.
    async fn run(&self, announce: &watch::Sender<State>, orders: &mut mpsc::UnboundedReceiver<Order>) -> End {
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
                order = orders.recv() => match order {
                    Some(Order::Kill) => drop(child.start_kill()),
                    Some(Order::Replace) => break End::Replaced,
                    Some(Order::Stop) | None => break End::Stopped,
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
            .args(&self.arguments)
            .current_dir(&self.working_directory)
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

    /// Whether the program answers `GET /`, with anything, within the budget; which counts the pauses, as the real host
    /// does, and not the time the questions take.
    async fn listening(&self) -> bool {
        let tries = self.initialization_timeout.as_millis() / POLL.as_millis();
        for _ in 0..tries.max(1) {
            let ping = Request::get("/").header("host", format!("127.0.0.1:{}", self.port)).body(wire::empty());
            if let Ok(ping) = ping
                && !matches!(wire::send(self.port, ping).await, Err(wire::Failure::Connect(_)))
            {
                return true;
            }
            tokio::time::sleep(POLL).await;
        }
        false
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

/// A port nobody listens on, below the range that systems give to outgoing connections: one of those could take the
/// port between this look and the program's start. No two workers of one test run get the same.
pub fn free_port() -> Option<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 97).ok()? * 100;
    (0..10_000).find_map(|_| {
        let port = 20_000 + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        std::net::TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
    })
}
