//! The state over one source file: every event of a task becomes a fact.

use crate::event::EventRow;
use crate::work::Work;
use sessionmill_contract::mask::mask;
use sessionmill_contract::{Event, Failure, Fold, Rows, Said, SourceFile, TaskEvent};

/// Bytes of data that are kept of an event at most.
const LONGEST_DATA: usize = 16 << 10;

/// The facts of one source file so far.
#[derive(Debug)]
pub struct TasksFold<'f> {
    file: &'f SourceFile,
    work: Work,
    rows: Rows,
    held: usize,
}

impl<'f> TasksFold<'f> {
    pub fn new(file: &'f SourceFile) -> Self {
        Self { file, work: Work::default(), rows: Rows::default(), held: 0 }
    }
}

impl Fold for TasksFold<'_> {
    fn event(&mut self, event: &Event<'_>) {
        let Self { file, work, rows, held } = self;
        let mut keep = |event_id: Option<&str>, told: &TaskEvent<'_>| {
            *held += usize::from(push(event, event_id, told, rows));
        };
        match event.said {
            Said::Task(told) => keep(event.id, told),
            Said::Agent(transcript, said) => {
                let session = transcript.session_id.unwrap_or_else(|| file.session_id());
                work.told(session, transcript, event.id, said, &mut keep);
            }
            _ => {}
        }
    }

    fn held(&self) -> usize {
        self.held
    }

    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        facts.append(self.rows);
        Ok(())
    }
}

/// Adds a fact. Without a time it says nothing about a life cycle.
fn push(event: &Event<'_>, event_id: Option<&str>, told: &TaskEvent<'_>, rows: &mut Rows) -> bool {
    let Some(time) = event.time else { return false };
    let error = told.error.map(mask);
    rows.push(EventRow {
        task_id: told.task_id,
        time,
        source: told.source,
        event_id,
        sequence: told.sequence,
        state: told.state.name(),
        short_id: told.short_id,
        task_type: told.task_type,
        user_id: told.user_id,
        task_name: told.task_name,
        attempt: told.attempt.unwrap_or(1),
        error: error.as_deref(),
        data: told.data.filter(|data| data.len() <= LONGEST_DATA),
        is_guessed: told.is_guessed,
        line: event.line,
    });
    true
}
