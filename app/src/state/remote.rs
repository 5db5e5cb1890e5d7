//! A value that the node has to be asked for. What was shown stays shown while a newer one is on its way.

use crate::view::Problem;

#[derive(Clone, PartialEq, Debug, Default)]
pub enum Remote<T> {
    #[default]
    Idle,
    Loading {
        old: Option<T>,
    },
    Ready(T),
    Failed {
        why: Problem,
        old: Option<T>,
    },
}

impl<T> Remote<T> {
    /// What there is to show, however old.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Ready(value) => Some(value),
            Self::Loading { old } | Self::Failed { old, .. } => old.as_ref(),
            Self::Idle => None,
        }
    }

    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Failed { why, .. } => Some(why),
            _ => None,
        }
    }

    /// A newer value was asked for.
    pub fn ask(&mut self) {
        *self = Self::Loading { old: self.take() };
    }

    /// The answer came.
    pub fn answer(&mut self, answer: Result<T, Problem>) {
        *self = match answer {
            Ok(value) => Self::Ready(value),
            Err(why) => Self::Failed { why, old: self.take() },
        };
    }

    fn take(&mut self) -> Option<T> {
        match std::mem::take(self) {
            Self::Ready(value) => Some(value),
            Self::Loading { old } | Self::Failed { old, .. } => old,
            Self::Idle => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_stays_until_better_comes() {
        let mut value = Remote::Ready(1);
        value.ask();
        assert_eq!(value, Remote::Loading { old: Some(1) });
        value.answer(Err(Problem::default()));
        assert_eq!((value.value(), value.problem().is_some()), (Some(&1), true));
        value.ask();
        value.answer(Ok(2));
        assert_eq!(value, Remote::Ready(2));
    }
}
