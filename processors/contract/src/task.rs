//! Events of task life cycles: a task was created, has changed, or has ended.

/// One event of a task.
#[derive(Clone, Copy, Debug)]
pub struct TaskEvent<'a> {
    /// The id of the task, unique over all folders. Never empty.
    pub task_id: &'a str,
    /// The producer: the CloudEvents `source`, or the name of the dialect. Together with the event's id, it identifies
    /// the event.
    pub source: &'a str,
    /// Orders events with equal times and sources, as text.
    pub sequence: Option<&'a str>,
    pub state: TaskState,
    /// The id of a group of tasks, by which they are queried.
    pub short_id: Option<&'a str>,
    pub task_type: Option<&'a str>,
    /// The name of the task. It serves as the type if no event gives one.
    pub task_name: Option<&'a str>,
    pub user_id: Option<&'a str>,
    /// `None` counts as the first attempt.
    pub attempt: Option<u64>,
    /// Why the task failed.
    pub error: Option<&'a str>,
    /// The event's data as JSON text.
    pub data: Option<&'a str>,
    /// Whether the state is a guess: the log says that the task has ended, but not how.
    pub is_guessed: bool,
}

/// What happened to a task. States with equal times are ordered as listed here.
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
