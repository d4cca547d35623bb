//! How the stand-in starts, watches, replaces and kills the program.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::{App, begin, get, post};
use crate::host::{ExitEvent, Host, HostOptions, Reaction, Severity};

/// An end with an exit code.
fn ended(code: i32, reaction: Reaction) -> ExitEvent {
    ExitEvent { code: Some(code), reaction }
}

/// Waits until the host has seen so many ends: until then it may send requests to a program on its way out.
async fn ends(host: &Host, count: usize) {
    host.until("the end", |host| host.exit_events().len() == count).await;
}

#[tokio::test]
async fn a_program_that_fails_is_started_again_and_its_request_is_lost() {
    let app = App::echo();
    let host = app.start(&[]).await;
    assert_eq!(post(&host, "/api/echo?do=exit:3").await.status(), 500);
    ends(&host, 1).await;
    assert_eq!(post(&host, "/api/echo").await.status(), 200);
    assert_eq!(host.exit_events(), [ended(3, Reaction::CountedAndRestarted)]);
    let told = host.log_lines().into_iter().find(|line| line.text.contains("exited with code 3 (0x3)")).unwrap();
    assert_eq!((told.severity, told.category.as_str()), (Severity::Error, "Host"));
}

#[tokio::test]
async fn the_third_failure_stops_the_host() {
    let app = App::echo();
    let host = app.start(&[("ECHO_EXITS_WITH", "7")]).await;
    ends(&host, 3).await;
    let counted = ended(7, Reaction::CountedAndRestarted);
    assert_eq!(host.exit_events(), [counted, counted, ended(7, Reaction::HostStopped)]);
    let last = host.log_lines().pop().unwrap();
    assert_eq!(last.text, "Exceeded http worker restart retry count. Shutting down Functions Host");
    let address = host.address();
    host.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn code_200_is_a_wish_to_start_again_as_often_as_it_likes() {
    let app = App::echo();
    let host = app.start(&[]).await;
    for count in 1..=3 {
        assert_eq!(post(&host, "/api/echo?do=exit:200").await.status(), 500);
        ends(&host, count).await;
    }
    assert_eq!(post(&host, "/api/echo").await.status(), 200);
    assert_eq!(host.exit_events(), [ended(200, Reaction::Restarted); 3]);
}

#[tokio::test]
async fn code_0_leaves_an_app_dead_on_older_hosts() {
    let app = App::echo();
    let host = app.start(&[]).await;
    post(&host, "/api/echo?do=exit:0").await;
    ends(&host, 1).await;
    assert_eq!(post(&host, "/api/echo").await.status(), 200);
    assert_eq!(host.exit_events(), [ended(0, Reaction::Restarted)]);

    let host = Host::start(HostOptions { leaves_dead_after_zero: true, ..app.options() }).await.unwrap();
    post(&host, "/api/echo?do=exit:0").await;
    host.until("the end", |host| host.exit_events() == [ended(0, Reaction::LeftDead)]).await;
    assert_eq!(post(&host, "/api/echo").await.status(), 500);
    host.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_killed_program_is_started_again() {
    let app = App::echo();
    let host = app.start(&[]).await;
    host.settled().await;
    host.kill_worker();
    host.until("the end", |host| host.exit_events() == [ended(137, Reaction::CountedAndRestarted)]).await;
    assert_eq!(get(&host, "/api/echo").await.status(), 200);
}

#[tokio::test]
async fn a_program_that_does_not_listen_in_time_counts_as_failed() {
    let app = App::echo();
    let initialization = ("AzureFunctionsJobHost__customHandler__initializationTimeout", "00:00:00.2");
    let host = app.start(&[initialization, ("ECHO_NEVER_LISTENS", "1")]).await;
    ends(&host, 3).await;
    assert!(host.exit_events().iter().all(|event| event.code.is_none()));
}

#[tokio::test]
async fn a_call_over_its_time_takes_its_neighbours_with_it() {
    let app = App::echo();
    let host = app.start(&[("AzureFunctionsJobHost__functionTimeout", "00:00:01")]).await;
    host.settled().await;
    let mut neighbour = begin(host.address(), "GET /api/echo?do=begin", "", "").await;
    let mut received = [0; 4096];
    assert!(neighbour.read(&mut received).await.unwrap() > 0, "the neighbour's answer has begun");
    assert_eq!(post(&host, "/api/echo?do=hang").await.status(), 500);
    let mut rest = Vec::new();
    let _ = neighbour.read_to_end(&mut rest).await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the neighbour's answer was cut off");
    assert_eq!(post(&host, "/api/echo").await.status(), 200);
    assert_eq!(host.exit_events(), [], "the host did it itself, and counts nothing");
}

#[tokio::test]
async fn stopping_kills_the_program_at_once() {
    let app = App::echo();
    let host = app.start(&[]).await;
    let environment = get(&host, "/api/echo").await.json()["environment"].clone();
    let port: u16 = environment["FUNCTIONS_CUSTOMHANDLER_PORT"].as_str().unwrap().parse().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_ok());
    host.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn lines_of_the_program_are_logged_by_where_it_wrote_them() {
    let app = App::echo();
    let host = app.start(&[]).await;
    let severity = |host: &Host, text: &str| {
        let line = host.log_lines().into_iter().find(|line| line.text == text);
        line.map(|line| (line.severity, line.category))
    };
    let console = |severity| Some((severity, "Host.Function.Console".to_owned()));
    host.until("the last line", |host| severity(host, "echo fails").is_some()).await;
    host.until("stdout", |host| severity(host, "echo listens").is_some()).await;
    assert_eq!(severity(&host, "echo listens"), console(Severity::Information));
    assert_eq!(severity(&host, "echo WARNS"), console(Severity::Warning));
    assert_eq!(severity(&host, "echo fails"), console(Severity::Error));
}
