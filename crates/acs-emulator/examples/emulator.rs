//! Serves an emulator on 127.0.0.1 until Ctrl+C: `cargo run -p acs-emulator --example emulator`.

use acs_emulator::{Emulator, Options, connection_string};
use tokio::net::TcpListener;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("{}", connection_string("http", address));
    println!("The page is http://{address}/_emulator/. Press Ctrl+C to stop.");
    let emulator = Emulator::new(Options::default());
    tokio::select! {
        served = emulator.serve_http(listener) => served,
        stopped = tokio::signal::ctrl_c() => stopped,
    }
}
