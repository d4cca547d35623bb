//! The settings that limit connections.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use super::{
    EnvReader,
    table::{CONNECTION_LIMIT, HEADER_TIMEOUT, IDLE_TIMEOUT},
};
use crate::server::Limits;

impl EnvReader<'_> {
    /// Returns the limits on connections.
    pub fn limits(&mut self) -> Option<Limits> {
        let default = Limits::default();
        let connections = self.number(CONNECTION_LIMIT, "connections", 1..=100_000, default.connections);
        let mut seconds = |name, default: Duration| {
            let seconds = self.number(name, "seconds", 1..=3600, default.as_secs())?;
            Some(Duration::from_secs(seconds))
        };
        let header_timeout = seconds(HEADER_TIMEOUT, default.header_timeout);
        let idle_timeout = seconds(IDLE_TIMEOUT, default.idle_timeout);
        Some(Limits {
            connections: connections?,
            header_timeout: header_timeout?,
            idle_timeout: idle_timeout?,
            ..default
        })
    }

    fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &'static str,
        unit: &str,
        range: RangeInclusive<T>,
        default: T,
    ) -> Option<T> {
        let Some(text) = self.value(name) else { return Some(default) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.or_else(|| {
            self.reject(name, format!("must be a number of {unit} from {} to {}", range.start(), range.end()))
        })
    }
}
