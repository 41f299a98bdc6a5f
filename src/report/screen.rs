//! The screen that text is written for: its width, whether it is a terminal, and whether it has colours.

use comfy_table::{Attribute, Cell, Color};
use std::fmt::Display;

/// Where text is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// The width in columns. Without it, tables are as wide as they need to be.
    pub width: Option<usize>,
    /// Whether people read the text on a terminal. Then ids and other texts may be shortened.
    pub is_terminal: bool,
    pub has_colour: bool,
}

/// The meaning of a piece of text. The colours are the standard ones, which follow the theme of the terminal, except
/// for warnings: yellow cannot be read on a light background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    /// Unimportant: zeros.
    Dim,
    /// Titles and totals.
    Strong,
    Good,
    Warning,
    Bad,
    /// In progress.
    Live,
}

/// A dark orange of the 256 colours. Its contrast is 4.5 : 1 to black and 4.7 : 1 to white.
const ORANGE: u8 = 130;

impl Tone {
    /// The tone of a state, by its name.
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

    /// Not the bright colours, which cannot be read on a light background.
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
