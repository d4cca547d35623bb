//! Custom ids: the identity that has one is found, or made. As with the service these can be two steps.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    Service,
    api_error::ApiError,
    state::{Identity, Settings, State},
};

/// A new identity, or the living one that has the custom id.
///
/// Calls close together make an identity each at the service, which after that refuses the custom id
/// (<https://github.com/Azure/azure-sdk-for-js/issues/38531>). Here they do so where the control API asks for it.
pub(super) async fn find_or_make(
    service: &Service,
    custom_id: Option<String>,
    now: Timestamp,
) -> Result<Identity, ApiError> {
    let resource = service.options.resource;
    let looked = service.change(|state| state.find_or_make(resource, custom_id.clone(), now))?;
    match looked {
        Looked::Done(identity) => return Ok(identity),
        Looked::Early(Wait::Time(wait)) => tokio::time::sleep(wait).await,
        // It ends by being dropped: when enough calls wait, or the control API asks for something else.
        Looked::Early(Wait::Others(others)) => drop(others.await),
    }
    service.change(|state| Ok(state.make(resource, custom_id, now)))
}

/// What came of looking.
pub(super) enum Looked {
    /// The identity that was found, or made at once.
    Done(Identity),
    /// There is none. After a wait it shall be made without looking again.
    Early(Wait),
}

/// How long others get the chance to look as well.
pub(super) enum Wait {
    Time(Duration),
    Others(oneshot::Receiver<()>),
}

/// The calls that wait for others, by custom id.
#[derive(Debug, Default)]
pub(super) struct Races(BTreeMap<String, Vec<oneshot::Sender<()>>>);

impl Races {
    /// What a call has to wait for that found no identity.
    pub(super) fn join(&mut self, settings: &mut Settings, custom_id: &str) -> Option<Wait> {
        let Some(calls) = settings.custom_id_race_calls else {
            return settings.custom_id_race_ms.map(|ms| Wait::Time(Duration::from_millis(ms.into())));
        };
        let waiting = self.0.entry(custom_id.to_owned()).or_default();
        // Who has hung up makes nothing.
        waiting.retain(|other| !other.is_closed());
        if waiting.len() + 1 < calls as usize {
            let (go_on, others) = oneshot::channel();
            waiting.push(go_on);
            return Some(Wait::Others(others));
        }
        settings.custom_id_race_calls = None;
        self.end();
        None
    }

    /// Lets all go on that wait.
    pub(super) fn end(&mut self) {
        self.0.clear();
    }
}

impl State {
    /// A new identity, or the living one that has the custom id.
    pub(super) fn find_or_make(
        &mut self,
        resource: Uuid,
        custom_id: Option<String>,
        now: Timestamp,
    ) -> Result<Looked, ApiError> {
        if let Some(wanted) = &custom_id {
            if let Some(known) = self.with_custom_id(wanted)? {
                return Ok(Looked::Done(known.clone()));
            }
            if let Some(wait) = self.races.join(&mut self.settings, wanted) {
                return Ok(Looked::Early(wait));
            }
        }
        Ok(Looked::Done(self.make(resource, custom_id, now)))
    }

    /// The living identity that has the custom id. The service does not choose among several.
    fn with_custom_id(&self, custom_id: &str) -> Result<Option<&Identity>, ApiError> {
        let mut found = self.living_ones().filter(|identity| identity.custom_id.as_deref() == Some(custom_id));
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(ApiError::MultipleIdentities),
            (known, None) => Ok(known),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_as_many_calls_as_are_asked_for_once() {
        let mut settings = Settings { custom_id_race_calls: Some(3), ..Settings::default() };
        let mut races = Races::default();
        let mut join = |custom_id| match races.join(&mut settings, custom_id) {
            Some(Wait::Others(others)) => Some(others),
            Some(Wait::Time(_)) => panic!("nobody has asked for that"),
            None => None,
        };
        let mut first = join("bob").unwrap();
        drop(join("bob").unwrap());
        // Neither one who has hung up counts, nor one with another custom id.
        let mut other = join("alice").unwrap();
        let mut third = join("bob").unwrap();
        for waiting in [&mut first, &mut other, &mut third] {
            assert_eq!(waiting.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        }
        assert!(join("bob").is_none(), "the last one has nobody to wait for");
        for mut waiting in [first, other, third] {
            assert_eq!(waiting.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        }
        assert!(join("bob").is_none(), "it is over");
    }
}
