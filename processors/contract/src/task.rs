//! What a log of task life cycles says: a task was created, changed, or ended.

/// One event of a task.
#[derive(Clone, Copy, Debug)]
pub struct TaskEvent<'a> {
    /// Of the task, over all folders. Never empty.
    pub task_id: &'a str,
    /// Who says so: the CloudEvents `source`, or the name of the dialect. With the id of the event it tells one
    /// event from another.
    pub source: &'a str,
    /// Orders events of one moment and source, as text.
    pub sequence: Option<&'a str>,
    pub state: TaskState,
    /// Groups tasks; what is asked for by it.
    pub short_id: Option<&'a str>,
    pub task_type: Option<&'a str>,
    /// What the task is called: its type where no event gives one.
    pub task_name: Option<&'a str>,
    pub user_id: Option<&'a str>,
    /// Absent counts as the first.
    pub attempt: Option<u64>,
    /// Why it failed.
    pub error: Option<&'a str>,
    /// The data of the event as JSON text.
    pub data: Option<&'a str>,
    /// The state is a guess: the log says that the task has ended, and not how.
    pub is_guessed: bool,
}

/// What happened to a task. States that happen at one moment are ordered as they are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskState {
    Created,
    Updated,
    Cancelled,
    Failed,
    Completed,
}

impl TaskState {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Created, Self::Updated, Self::Cancelled, Self::Failed, Self::Completed];

    /// The name under which it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Completed => "completed",
        }
    }

    /// Whether the task has ended.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Cancelled | Self::Failed | Self::Completed)
    }
}
