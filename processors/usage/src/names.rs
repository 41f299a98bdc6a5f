//! The titles of a session: given by a person, by its client, or taken from its first prompt.

use crate::caption;
use sessionmill_contract::{Title, TitleBy};
use std::collections::HashMap;

/// The titles of one source file so far.
#[derive(Debug, Default)]
pub(crate) struct Names {
    first_prompt: Option<Box<str>>,
    by_person: Option<Box<str>>,
    by_client: Option<Box<str>>,
    summary: Option<Box<str>>,
    /// Summaries before the first record, by the last record of the conversation that they summarise. Clients also keep
    /// summaries of other conversations there.
    summaries: HashMap<Box<str>, Box<str>>,
    /// Whether there was a record with an id.
    is_begun: bool,
}

impl Names {
    /// A record begins.
    pub(crate) fn record(&mut self, id: Option<&str>) {
        let Some(id) = id else { return };
        self.is_begun = true;
        if !self.summaries.is_empty() {
            self.summary = self.summaries.remove(id).or(self.summary.take());
        }
    }

    pub(crate) fn prompt(&mut self, text: &str) {
        if self.first_prompt.is_none() {
            self.first_prompt = caption::title(text);
        }
    }

    /// If there are several titles from the same origin, the last one counts.
    pub(crate) fn title(&mut self, Title { text, by }: Title<'_>) {
        let Some(text) = caption::title(text) else { return };
        match by {
            TitleBy::Person => self.by_person = Some(text),
            TitleBy::Client => self.by_client = Some(text),
            TitleBy::Summary { last: Some(last) } if !self.is_begun => _ = self.summaries.insert(last.into(), text),
            TitleBy::Summary { .. } => self.summary = Some(text),
        }
    }

    /// The title in the client: a person's, else the client's own, else a summary.
    pub(crate) fn client(&self) -> Option<&str> {
        self.by_person.as_deref().or(self.by_client.as_deref()).or(self.summary.as_deref())
    }

    pub(crate) fn first_prompt(&self) -> Option<&str> {
        self.first_prompt.as_deref()
    }

    /// Its size, measured in facts.
    pub(crate) fn held(&self) -> usize {
        self.summaries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(titles: &[(&str, TitleBy<'_>)]) -> Names {
        let mut names = Names::default();
        titles.iter().for_each(|(text, by)| names.title(Title { text, by: *by }));
        names
    }

    #[test]
    fn a_title_by_a_person_wins_over_one_by_the_client() {
        let summary = TitleBy::Summary { last: None };
        let all = [("c", TitleBy::Client), ("p", TitleBy::Person), ("d", TitleBy::Client), ("s", summary)];
        assert_eq!(names(&all).client(), Some("p"));
        assert_eq!(names(&all[2..]).client(), Some("d"));
        assert_eq!(names(&all[3..]).client(), Some("s"));
        assert_eq!(names(&[(" ", TitleBy::Person)]).client(), None);
    }

    #[test]
    fn a_summary_of_another_conversation_is_not_a_title_of_this_one() {
        let mut names =
            names(&[("other", TitleBy::Summary { last: Some("u9") }), ("own", TitleBy::Summary { last: Some("u2") })]);
        ["u1", "u2", "u3"].iter().for_each(|id| names.record(Some(id)));
        assert_eq!(names.client(), Some("own"));
    }
}
