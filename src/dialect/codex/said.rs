//! What a person and the model say to each other in a rollout, once.
//!
//! Clients of different ages write a message as an event of its own, as the item that a turn has come to,
//! or as a bare response item. A thread that goes on in a newer client can have two of them in one turn.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Event,
    Item,
}

/// The messages of one turn, by who says them and by a hash of the text.
#[derive(Debug, Default)]
pub(super) struct Said(HashMap<(bool, u64), (Option<Way>, u64)>);

impl Said {
    /// Another turn begins.
    pub(super) fn turn(&mut self) {
        self.0.clear();
    }

    /// Whether a message of the turn says what was written in the other way already.
    pub(super) fn is_repeated(&mut self, by_person: bool, text: &str, way: Way) -> bool {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        // How often the text was written in one way and not yet in the other.
        let (first, count) = self.0.entry((by_person, hasher.finish())).or_default();
        if *count > 0 && *first != Some(way) {
            *count -= 1;
            return true;
        }
        (*first, *count) = (Some(way), *count + 1);
        false
    }
}

/// Beginnings of texts that the client puts into the role of the user.
const INJECTED: [&str; 6] = [
    "# AGENTS.md instructions",
    "<environment_context>",
    "<turn_aborted>",
    "<user_action>",
    "<user_instructions>",
    "<user_shell_command>",
];

/// Whether a message in the role of the user is by the client.
pub(super) fn is_injected(text: &str) -> bool {
    let text = text.trim_start();
    INJECTED.iter().any(|start| text.starts_with(start))
}

/// The working directory in the description of the environment that a client sends to the model.
pub(super) fn directory(text: &str) -> Option<&str> {
    let text = text.trim_start().strip_prefix("<environment_context>")?;
    let tagged = text.split_once("<cwd>").and_then(|(_, rest)| Some(rest.split_once("</cwd>")?.0));
    let named = text.split_once("Current working directory: ").map(|(_, rest)| rest.lines().next().unwrap_or(rest));
    tagged.or(named).map(str::trim).filter(|path| !path.is_empty())
}

/// The texts of a message as one.
pub(super) fn joined<'t>(mut texts: impl Iterator<Item = &'t str>) -> Cow<'t, str> {
    let first = texts.next().unwrap_or_default();
    texts.fold(Cow::Borrowed(first), |all, text| Cow::Owned(all.into_owned() + text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_two_ways_is_one_and_twice_in_one_way_are_two() {
        let mut said = Said::default();
        let mut repeated = |text, way| said.is_repeated(true, text, way);
        assert!(!repeated("go", Way::Event) && repeated("go", Way::Item));
        assert!(!repeated("go", Way::Item) && !repeated("go", Way::Item));
        assert!(repeated("go", Way::Event) && repeated("go", Way::Event) && !repeated("go", Way::Event));
        assert!(!repeated("stop", Way::Item));
        assert!(!said.is_repeated(false, "go", Way::Item), "the model can say the same");
        said.turn();
        assert!(!said.is_repeated(true, "go", Way::Item), "another turn can begin with the same words");
    }

    #[test]
    fn the_working_directory_is_in_the_environment() {
        for (text, path) in [
            (
                "<environment_context>\n  <cwd>/home/alan/engine</cwd>\n</environment_context>",
                Some("/home/alan/engine"),
            ),
            ("<environment_context>\nCurrent working directory: /srv/mill\nApproval policy: never", Some("/srv/mill")),
            ("<environment_context><cwd></cwd>", None),
            ("in <environment_context><cwd>/x</cwd>", None),
        ] {
            assert_eq!(directory(text), path, "{text}");
            assert_eq!(is_injected(text), !text.starts_with("in"), "{text}");
        }
    }

    #[test]
    fn texts_are_joined_without_anything_between() {
        assert_eq!(joined(["a", "b", "c"].into_iter()), "abc");
        assert_eq!(joined([].into_iter()), "");
    }
}
