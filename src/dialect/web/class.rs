//! The effect of an event on a session, by its name.

use sessionmill_contract::activity::Class;

/// The class of a Segment call by its type. `None` for a track call, which is classified by the name of its event.
pub(super) fn of_call(call: Call) -> Option<Class> {
    match call {
        Call::Page | Call::Screen => Some(Class::View),
        Call::Identify | Call::Alias => Some(Class::Identity),
        Call::Group => Some(Class::Passive),
        Call::Track => None,
    }
}

/// The calls of Segment's specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Track,
    Page,
    Screen,
    Identify,
    Group,
    Alias,
}

impl Call {
    /// The call that a `type` names, ignoring case.
    pub(super) fn of(kind: &str) -> Option<Self> {
        let calls = [Self::Track, Self::Page, Self::Screen, Self::Identify, Self::Group, Self::Alias];
        calls.into_iter().find(|call| kind.eq_ignore_ascii_case(call.name()))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Identify => "identify",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }
}

/// The class of an event by PostHog's name for it. `$session_end` and `reset` come from producers that know when a
/// session ends; SDKs do not send them.
pub(super) fn of_event(name: &str) -> Class {
    match name {
        "$pageview" | "$screen" => Class::View,
        "$pageleave" | "engagement" | "$engagement" | "user_engagement" | "ping" | "$ping" => Class::Ping,
        "$snapshot"
        | "$snapshot_items"
        | "$feature_flag_called"
        | "$set"
        | "$groupidentify"
        | "$web_vitals"
        | "$performance_event"
        | "$$heatmap" => Class::Passive,
        "$identify" | "$create_alias" | "$merge_dangerously" => Class::Identity,
        "$session_end" | "reset" => Class::End,
        _ => Class::Event,
    }
}
