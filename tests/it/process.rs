//! The programs as child processes.

use std::{
    net::SocketAddr,
    process::{Output, Stdio},
    time::Duration,
};

use acs_identity::http::client_builder;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    net::TcpListener,
    process::{Child, ChildStdout, Command},
};

/// The limit of every wait, long enough for a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The interval between two checks of a condition.
const INTERVAL: Duration = Duration::from_millis(5);

/// Builds the command of a program with the given environment only.
pub(crate) fn program(path: &str, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(path);
    command.env_clear();
    // A data folder of the test, not of a user of this machine.
    for name in ["HOME", "XDG_DATA_HOME", "LOCALAPPDATA"] {
        command.env(name, env!("CARGO_TARGET_TMPDIR"));
    }
    command.envs(environment.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    // The temporary folder, and the variable that every Windows program needs.
    for name in ["TMPDIR", "TEMP", "TMP", "SystemRoot"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

pub(crate) fn handler(environment: &[(&str, &str)]) -> Command {
    program(env!("CARGO_BIN_EXE_handler"), environment)
}

pub(crate) fn cli(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = program(env!("CARGO_BIN_EXE_acs-tokens"), environment);
    command.args(arguments);
    command
}

/// Waits for a future, for a minute at most.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("timed out waiting for {what}"))
}

/// Waits until a condition holds, for a minute at most.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    in_time(what, async {
        while !condition().await {
            pause().await;
        }
    })
    .await;
}

/// Waits between two checks of a condition. The loop around it has a limit.
pub(crate) async fn pause() {
    tokio::time::sleep(INTERVAL).await;
}

/// Runs a program to its end and returns the exit code, stdout and stderr.
pub(crate) async fn run(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = in_time("the end of the program", command.output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A running program and its stdout.
pub(crate) struct Running {
    child: Child,
    pub(crate) lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Returns the process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends SIGTERM, as containers do, and does not wait.
    #[cfg(unix)]
    pub(crate) async fn terminate(&self) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    }

    /// Sends SIGKILL and waits until the program has ended.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until the program has ended and returns its exit code.
    #[cfg(unix)]
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        in_time("the end of the program", self.child.wait()).await.unwrap().code()
    }

    /// Returns the lines of stdout up to the first line that `last` accepts, inclusive.
    pub(crate) async fn until(&mut self, last: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = in_time("the next line", self.lines.next_line()).await.unwrap() {
            let done = last(&line);
            lines.push(line);
            if done {
                return lines;
            }
        }
        panic!("the program ended after {lines:#?}");
    }
}

/// Returns a port that was free a moment ago, as the Functions host does for its handler.
pub(crate) async fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Returns a port that stays free between two starts: it is below the system's range of ephemeral ports.
pub(crate) async fn quiet_port() -> u16 {
    loop {
        let port = 20_000 + uuid::Uuid::new_v4().as_fields().1 % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).await.is_ok() {
            return port;
        }
    }
}

/// Requests a URL until a server answers.
pub(crate) async fn ready(url: &str) -> reqwest::Response {
    let http = client_builder().build().unwrap();
    let mut response = None;
    until("an answer", async || {
        response = http.get(url).send().await.ok();
        response.is_some()
    })
    .await;
    response.unwrap()
}
