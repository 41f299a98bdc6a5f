//! The service tier of a turn.
//!
//! `thread_settings_applied` has the settings of the thread. A turn keeps the tier with which it began; a change during
//! the turn applies to the next one. A log that names no tier has none.

use super::record::Payload;

/// The tiers of the thread and of the current turn.
#[derive(Debug, Default)]
pub(super) struct Tier {
    thread: Option<Box<str>>,
    turn: Option<Turn>,
}

#[derive(Debug)]
struct Turn {
    id: Option<Box<str>>,
    tier: Option<Box<str>>,
}

impl Tier {
    /// The current tier, as the log names it.
    pub(super) fn current(&self) -> Option<&str> {
        self.turn.as_ref().map_or(&self.thread, |turn| &turn.tier).as_deref()
    }

    /// Notes what a record says about tiers and turns.
    pub(super) fn follow(&mut self, kind: &str, payload: &Payload<'_>) {
        let told = || payload.service_tier.name().map(Into::into);
        match (kind, payload.kind.get()) {
            ("event_msg", Some("thread_settings_applied")) => {
                self.thread = payload.settings_tier.name().map(Into::into);
            }
            ("event_msg", Some("task_started" | "turn_started")) => self.start(payload.turn_id.id(), None),
            ("turn_context", _) => self.start(payload.turn_id.id(), told()),
            ("event_msg", Some("task_complete" | "turn_complete" | "turn_aborted")) => self.turn = None,
            _ => {}
        }
    }

    /// A turn begins. Several records can announce the same turn.
    fn start(&mut self, id: Option<&str>, told: Option<Box<str>>) {
        match &mut self.turn {
            Some(turn) if id.is_some() && turn.id.as_deref() == id => turn.tier = told.or(turn.tier.take()),
            turn => *turn = Some(Turn { id: id.map(Into::into), tier: told.or_else(|| self.thread.clone()) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::json::Object;

    /// The tier after each of the records.
    fn tiers(records: &[(&str, &str)]) -> Vec<Option<String>> {
        let mut tier = Tier::default();
        let follow = |(kind, payload): &(&str, &str)| {
            let payload = serde_json::from_str::<Object<Payload<'_>>>(payload).unwrap().0.unwrap();
            tier.follow(kind, &payload);
            tier.current().map(str::to_owned)
        };
        records.iter().map(follow).collect()
    }

    const SETTINGS: &str =
        r#"{"type":"thread_settings_applied","thread_settings":{"model":"m","service_tier":"priority"}}"#;
    const NONE: &str = r#"{"type":"thread_settings_applied","thread_settings":{"model":"m","service_tier":null}}"#;

    #[test]
    fn a_change_in_the_middle_of_a_turn_is_for_the_next_one() {
        let records = [
            ("event_msg", SETTINGS),
            ("turn_context", r#"{"turn_id":"1"}"#),
            ("event_msg", NONE),
            ("turn_context", r#"{"turn_id":"1"}"#),
            ("event_msg", r#"{"type":"task_started","turn_id":"2"}"#),
            ("turn_context", r#"{"turn_id":"2"}"#),
            ("event_msg", SETTINGS),
            ("event_msg", r#"{"type":"task_complete","turn_id":"2"}"#),
        ];
        let priority = || Some("priority".to_owned());
        assert_eq!(tiers(&records), [priority(), priority(), priority(), priority(), None, None, None, priority()]);
    }

    #[test]
    fn a_turn_can_name_its_own_tier_and_turns_can_lack_ids() {
        let records = [
            ("event_msg", r#"{"type":"task_started","turn_id":"1"}"#),
            ("turn_context", r#"{"turn_id":"1","service_tier":"flex"}"#),
            ("event_msg", SETTINGS),
            ("turn_context", "{}"),
            ("event_msg", NONE),
            ("turn_context", "{}"),
        ];
        let tier = |name: &str| Some(name.to_owned());
        assert_eq!(tiers(&records), [None, tier("flex"), tier("flex"), tier("priority"), tier("priority"), None]);
    }
}
