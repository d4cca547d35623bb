//! The faults, in an order that depends on a seed.

use std::net::SocketAddr;

use acs_identity::http::client_builder;
use serde_json::{Value, json};

/// A pseudo-random number generator (xorshift64*) with the same sequence for the same seed on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // A state of zero never changes, and small seeds give similar sequences.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

/// Requests faults through the emulator's control API.
pub(crate) struct FaultPlan {
    control: String,
    http: reqwest::Client,
}

impl FaultPlan {
    pub(crate) fn new(emulator: SocketAddr) -> Self {
        Self { control: format!("http://{emulator}/_emulator"), http: client_builder().build().unwrap() }
    }

    /// Requests a fault for one in ten calls, enough for twice as many calls as operations.
    pub(crate) async fn request(&self, mut random: Random, operations: u64) {
        let faults: Vec<Value> = (0..operations / 5).map(|_| fault(&mut random)).collect();
        for batch in faults.chunks(50) {
            let request = self.http.post(format!("{}/faults", self.control)).header("content-type", "application/json");
            let response = request.body(json!(batch).to_string()).send().await.unwrap();
            assert!(response.status().is_success(), "{}", response.text().await.unwrap());
        }
    }

    pub(crate) async fn clear(&self) {
        self.http.delete(format!("{}/faults", self.control)).send().await.unwrap();
    }

    pub(crate) async fn state(&self) -> Value {
        let response = self.http.get(format!("{}/state", self.control)).send().await.unwrap();
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }
}

/// Returns a fault that follows 0 to 18 calls without a fault: one in ten.
fn fault(random: &mut Random) -> Value {
    let status = |status: u16, headers: Value| json!({ "answer": { "status": status, "headers": headers } });
    let mut fault = match random.below(12) {
        0 => status(500, json!({})),
        1 => status(503, json!({})),
        2 => status(503, json!({ "retry-after-ms": "20" })),
        3 => status(429, json!({ "retry-after": "0" })),
        4 => status(429, json!({ "retry-after": "3600" })),
        5 => status(504, json!({})),
        6 => json!({ "reset": true, "carriedOut": false }),
        7 => json!({ "reset": true, "carriedOut": true }),
        8 => json!({ "cutAfterBytes": random.below(40), "carriedOut": true }),
        9 => json!({ "answer": { "status": 200, "body": "<html>" } }),
        10 => json!({ "answer": { "status": 500, "body": "garbage" }, "carriedOut": true }),
        _ => json!({ "delayMs": 1 + random.below(50) }),
    };
    fault["skip"] = random.below(19).into();
    fault
}
