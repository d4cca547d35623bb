//! A load generator for HTTP/1.1 with little work per request, because it shares the machine with the measured program.
//!
//! With a rate, the latency of a request counts from the time when it was due, not from when it was sent: a program that
//! stalls delays all requests behind it (<https://www.scylladb.com/2021/04/22/on-coordinated-omission/>).

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep_until,
};

use crate::{Result, scenario::Request};

/// The connections, rate and end of a measurement.
#[derive(Clone, Copy)]
pub struct Load {
    pub connections: usize,
    /// Requests per second over all connections; `None` for as many as possible.
    pub rate: Option<u32>,
    pub end: End,
}

/// The end of a measurement.
#[derive(Clone, Copy)]
pub enum End {
    After(Duration),
    /// This many requests on each connection.
    Requests(usize),
}

impl End {
    fn is_reached(self, start: Instant, sent: usize) -> bool {
        match self {
            Self::After(duration) => start.elapsed() >= duration,
            Self::Requests(count) => sent >= count,
        }
    }
}

/// The result of a measurement.
pub struct Measured {
    pub requests_per_second: f64,
    /// The latencies in microseconds, sorted.
    latencies: Vec<u32>,
}

impl Measured {
    /// Returns a quantile of the latencies in milliseconds.
    pub fn latency_ms(&self, quantile: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let index = ((self.latencies.len() as f64 - 1.0) * quantile) as usize;
        self.latencies.get(index).map_or(f64::NAN, |us| f64::from(*us) / 1000.0)
    }
}

/// A request as it is sent, and the expected status.
type Encoded = (String, u16);

/// Sends the requests over and over. The connections share them.
pub async fn run(address: SocketAddr, requests: &[Request], load: Load) -> Result<Measured> {
    let encoded = requests.iter().map(|request| Ok((encode(request, address)?, request.status)));
    let encoded: Arc<[Encoded]> = encoded.collect::<Result<Vec<_>>>()?.into();
    let start = Instant::now();
    let connections: Vec<_> = (0..load.connections)
        .map(|i| tokio::spawn(connection(address, Arc::clone(&encoded), load, start, i)))
        .collect();
    let mut latencies = Vec::new();
    for connection in connections {
        latencies.extend(connection.await??);
    }
    let seconds = start.elapsed().as_secs_f64();
    latencies.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let requests_per_second = latencies.len() as f64 / seconds;
    Ok(Measured { requests_per_second, latencies })
}

async fn connection(
    address: SocketAddr,
    requests: Arc<[Encoded]>,
    load: Load,
    start: Instant,
    index: usize,
) -> Result<Vec<u32>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let interval =
        load.rate.map(|rate| Duration::from_secs(1) * u32::try_from(load.connections).unwrap_or(u32::MAX) / rate);
    // The connections take turns.
    let mut due = start + interval.unwrap_or_default() * u32::try_from(index)? / u32::try_from(load.connections)?;
    let mut answer = Vec::with_capacity(8 * 1024);
    let mut latencies = Vec::new();
    while !load.end.is_reached(start, latencies.len()) {
        let (request, status) = &requests[(index + latencies.len() * load.connections) % requests.len()];
        let from = match interval {
            Some(interval) => {
                let from = due;
                sleep_until(from.into()).await;
                due += interval;
                from
            }
            None => Instant::now(),
        };
        stream.write_all(request.as_bytes()).await?;
        answer.clear();
        let length = loop {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err("the connection was closed".into());
            }
            if let Some(length) = answer_length(&answer)? {
                break length;
            }
        };
        while answer.len() < length {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err("the connection was closed".into());
            }
        }
        if answer.get(9..12) != Some(status.to_string().as_bytes()) {
            return Err(format!("unexpected answer: {}", String::from_utf8_lossy(&answer)).into());
        }
        latencies.push(u32::try_from(from.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok(latencies)
}

/// Returns the length of the whole answer, or `None` if its head is incomplete.
fn answer_length(answer: &[u8]) -> Result<Option<usize>> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&answer[..end])?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    match length {
        Some(length) => Ok(Some(end + 4 + length?)),
        None => Err(format!("the answer has no content-length: {head}").into()),
    }
}

fn encode(request: &Request, address: SocketAddr) -> Result<String> {
    let Request { method, path, body, authorization, key, .. } = request;
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n");
    if let Some(authorization) = authorization {
        write!(text, "Authorization: {authorization}\r\n")?;
    }
    if let Some(key) = key {
        write!(text, "x-functions-key: {key}\r\n")?;
    }
    if let Some(body) = body {
        write!(text, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())?;
    }
    write!(text, "\r\n{}", body.as_deref().unwrap_or_default())?;
    Ok(text)
}
