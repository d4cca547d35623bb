//! Runs the programs as processes.

use std::{
    net::SocketAddr,
    process::{Output, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    net::TcpListener,
    process::{Child, ChildStdout, Command},
};

/// Returns a command with no other environment variables than those given and those that every program needs.
pub(crate) fn program(path: &str, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(path);
    command.env_clear();
    // The data folders, so that no test uses those of a real user.
    for name in ["HOME", "XDG_DATA_HOME", "LOCALAPPDATA"] {
        command.env(name, env!("CARGO_TARGET_TMPDIR"));
    }
    command.envs(environment.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    // The temporary folder, and what Windows requires.
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

/// Runs a program until it exits. Returns its exit code, stdout and stderr.
pub(crate) async fn run(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A running program and its output.
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

    /// Sends SIGTERM, as containers do. Does not wait.
    #[cfg(unix)]
    pub(crate) async fn terminate(&self) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    }

    /// Kills the program (SIGKILL) and waits for its exit.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for the program to exit. Returns its exit code.
    #[cfg(unix)]
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        self.child.wait().await.unwrap().code()
    }

    /// Returns the printed lines up to the first one that matches `last`.
    pub(crate) async fn until(&mut self, last: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            let done = last(&line);
            lines.push(line);
            if done {
                return lines;
            }
        }
        panic!("the program ended after {lines:#?}");
    }
}

/// Returns a free port, in the way that the Functions host picks one for its handler.
pub(crate) async fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Returns a free port outside the range from which the system assigns ports, so that it stays free for a restart.
pub(crate) async fn quiet_port() -> u16 {
    loop {
        let port = 20_000 + uuid::Uuid::new_v4().as_fields().1 % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).await.is_ok() {
            return port;
        }
    }
}

/// Repeats a request until the program listens, as the Functions host does.
pub(crate) async fn ready(url: &str) -> reqwest::Response {
    let http = reqwest::Client::builder().build().unwrap();
    let response = async {
        loop {
            match http.get(url).send().await {
                Ok(response) => return response,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), response).await.unwrap()
}
