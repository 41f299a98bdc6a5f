//! The messages of a person and the model in a rollout, without repetitions.
//!
//! Clients of different ages write a message in one of three ways: as an event, as a completed item of a turn, or as a
//! bare response item. A thread that is continued in a newer client can contain a message in two ways within one turn.
//! The first can come before the line with which the turn begins, and the two can differ in the white space around the
//! text. An item that is completed twice counts once.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Event,
    Item,
}

/// Whether a person wrote the message, and a hash of its text.
type Message = (bool, u64);

#[derive(Debug, Default)]
pub(super) struct Said {
    /// The messages of the turn. For each: the way in which it was written first, and how often it was written so
    /// without being repeated in the other way.
    messages: HashMap<Message, (Option<Way>, u64)>,
    /// Messages that the model has not answered yet. The next turn can be about them.
    unanswered: HashSet<Message>,
    /// All completed items so far, as hashes of their ids.
    items: HashSet<u64>,
    turns: u64,
}

impl Said {
    /// A turn begins. A person's messages before its first line belong to it.
    pub(super) fn turn_begins(&mut self) {
        self.messages.retain(|message, _| self.unanswered.contains(message));
        self.unanswered.clear();
        self.turns += 1;
    }

    pub(super) fn turn_ends(&mut self) {
        self.messages.clear();
        self.answered();
    }

    /// The model has answered.
    pub(super) fn answered(&mut self) {
        self.unanswered.clear();
    }

    /// Whether an item was completed before. Item ids are unique within their turn.
    pub(super) fn is_completed(&mut self, turn_id: Option<&str>, id: Option<&str>) -> bool {
        let turn = turn_id.ok_or(self.turns);
        id.is_some_and(|id| !self.items.insert(hash(&(turn, id))))
    }

    /// Whether a message repeats one of this turn that was written in the other way.
    pub(super) fn is_repeated(&mut self, by_person: bool, text: &str, way: Way) -> bool {
        let message = (by_person, hash(text.trim()));
        match by_person {
            true => _ = self.unanswered.insert(message),
            false => self.answered(),
        }
        let (first, count) = self.messages.entry(message).or_default();
        if *count > 0 && *first != Some(way) {
            *count -= 1;
            return true;
        }
        (*first, *count) = (Some(way), *count + 1);
        false
    }
}

fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Beginnings of texts that the client writes in the role of the user.
const INJECTED: [&str; 6] = [
    "# AGENTS.md instructions",
    "<environment_context>",
    "<turn_aborted>",
    "<user_action>",
    "<user_instructions>",
    "<user_shell_command>",
];

/// Whether a message in the role of the user is from the client.
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

/// The texts of a message, joined.
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
        said.turn_begins();
        assert!(!said.is_repeated(true, "go", Way::Item), "another turn can begin with the same words");
    }

    #[test]
    fn space_around_a_text_is_no_part_of_it() {
        let mut said = Said::default();
        assert!(!said.is_repeated(true, "oil it\n", Way::Event) && said.is_repeated(true, "  oil it", Way::Item));
    }

    #[test]
    fn an_unanswered_message_before_a_turn_belongs_to_it() {
        for (first, second) in [(Way::Event, Way::Item), (Way::Item, Way::Event)] {
            let mut said = Said::default();
            assert!(!said.is_repeated(true, "oil it", first));
            said.turn_begins();
            assert!(said.is_repeated(true, "oil it", second), "{first:?}");
            said.turn_ends();
            assert!(!said.is_repeated(true, "oil it", first));
            said.turn_begins();
            assert!(said.is_repeated(true, "oil it", second), "{first:?}");
            assert!(!said.is_repeated(true, "and that", first));
            said.answered();
            said.turn_begins();
            assert!(!said.is_repeated(true, "and that", second), "{first:?}");
            said.turn_ends();
            said.turn_begins();
            assert!(!said.is_repeated(true, "and that", first), "{first:?}");
        }
    }

    #[test]
    fn an_item_is_completed_once_in_its_turn() {
        let mut said = Said::default();
        assert!(!said.is_completed(Some("t"), Some("i")) && said.is_completed(Some("t"), Some("i")));
        assert!(!said.is_completed(Some("u"), Some("i")) && !said.is_completed(Some("t"), Some("j")));
        assert!(!said.is_completed(None, Some("i")) && said.is_completed(None, Some("i")));
        said.turn_begins();
        assert!(!said.is_completed(None, Some("i")), "another turn can count its items from 1 again");
        assert!(!said.is_completed(None, None) && !said.is_completed(None, None));
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
