//! The state over one source file: every event of a task becomes a fact.

use crate::event::EventRow;
use crate::work::Work;
use sessionmill_contract::mask::mask;
use sessionmill_contract::{Event, Failure, Fold, Rows, Said, SourceFile, TaskEvent};

/// The most bytes of an event's data that are kept.
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
        let mut keep = |event_id: Option<&str>, task_event: &TaskEvent<'_>| {
            *held += usize::from(push(event, event_id, task_event, rows));
        };
        match event.said {
            Said::Task(task_event) => keep(event.id, task_event),
            Said::Agent(transcript, said) => {
                let session = transcript.session_id.unwrap_or_else(|| file.session_id());
                work.agent_event(session, transcript, event.id, said, &mut keep);
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

/// Adds a fact. An event without a time is useless for a life cycle.
fn push(event: &Event<'_>, event_id: Option<&str>, task_event: &TaskEvent<'_>, rows: &mut Rows) -> bool {
    let Some(time) = event.time else { return false };
    let error = task_event.error.map(mask);
    rows.push(EventRow {
        task_id: task_event.task_id,
        time,
        source: task_event.source,
        event_id,
        sequence: task_event.sequence,
        state: task_event.state.name(),
        short_id: task_event.short_id,
        task_type: task_event.task_type,
        user_id: task_event.user_id,
        task_name: task_event.task_name,
        attempt: task_event.attempt.unwrap_or(1),
        error: error.as_deref(),
        data: task_event.data.filter(|data| data.len() <= LONGEST_DATA),
        is_guessed: task_event.is_guessed,
        line: event.line,
    });
    true
}
