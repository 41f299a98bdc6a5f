//! What text is written for: how much room there is, whether somebody looks at it, and in which colours.

use comfy_table::{Attribute, Cell, Color};
use std::fmt::Display;

/// Where text is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// In columns; without one, a table is as wide as it is.
    pub width: Option<usize>,
    /// Somebody looks at it: what nobody needs to copy whole may be shortened.
    pub is_terminal: bool,
    pub has_colour: bool,
}

/// What a piece of text means. Colours are those that every terminal has, which follow its theme, but for warnings: yellow
/// cannot be read on a light ground.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    /// Nothing to see here: zeros.
    Dim,
    /// Titles and totals.
    Strong,
    Good,
    Warning,
    Bad,
    /// It goes on just now.
    Live,
}

/// A dark orange of the 256 colours: 4.5 : 1 against black, 4.7 : 1 against white.
const ORANGE: u8 = 130;

impl Tone {
    /// What the name of a state means.
    pub fn of_state(state: &str) -> Self {
        let word = state.split([' ', ',']).next().unwrap_or_default();
        match word {
            "ok" | "completed" | "approved" | "in" => Self::Good,
            "active" | "running" => Self::Live,
            "warning" | "paused" | "orphaned" | "pending" | "stopped" | "alarm" | "partly" => Self::Warning,
            "failing" | "failed" | "over" | "dead" | "rejected" | "error" | "errors" | "crashed" => Self::Bad,
            "disabled" | "cancelled" | "retired" | "dropped" => Self::Dim,
            _ => Self::Plain,
        }
    }

    /// None of the bright ones, which cannot be read on a light ground.
    fn colour(self) -> Option<Color> {
        match self {
            Self::Plain | Self::Strong | Self::Dim => None,
            Self::Good => Some(Color::DarkGreen),
            Self::Warning => Some(Color::AnsiValue(ORANGE)),
            Self::Bad => Some(Color::DarkRed),
            Self::Live => Some(Color::DarkCyan),
        }
    }

    /// A cell of a table in this tone.
    pub(super) fn cell(self, text: &str) -> Cell {
        let cell = Cell::new(text);
        match (self, self.colour()) {
            (Self::Strong, _) => cell.add_attribute(Attribute::Bold),
            (Self::Dim, _) => cell.add_attribute(Attribute::Dim),
            (_, Some(colour)) => cell.fg(colour),
            _ => cell,
        }
    }
}

impl Screen {
    /// Text in a tone.
    pub fn paint(self, tone: Tone, text: impl Display) -> String {
        let code = match tone {
            Tone::Plain => "",
            Tone::Dim => "2",
            Tone::Strong => "1",
            Tone::Good => "32",
            Tone::Warning => "38;5;130", // ORANGE
            Tone::Bad => "31",
            Tone::Live => "36",
        };
        if code.is_empty() || !self.has_colour { text.to_string() } else { format!("\u{1b}[{code}m{text}\u{1b}[0m") }
    }
}
