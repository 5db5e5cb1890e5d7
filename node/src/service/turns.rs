//! Long work in turns: it asks for the service one step at a time, so that a running node goes on syncing in between.
//!
//! Every step finds the seat as it is then: if it was locked meanwhile, the work ends with a sentence, and what it saved stays saved.

use tokio::sync::mpsc;

use super::Service;
use crate::client::Failure;

/// One step of long work, carried out by whoever has the service.
pub(crate) type Step = Box<dyn FnOnce(&mut Service) + Send>;

/// The way to the service for work that takes long.
pub(crate) enum Turns<'a> {
    /// Nobody else has it: a command without a running node.
    Own(&'a mut Service),
    /// The driver's loop has it. To be used from a thread that may wait.
    Shared {
        /// Whose seat has to be open at each step; `None` for what carries, which needs none.
        seat_of: Option<u64>,
        steps: mpsc::Sender<Step>,
    },
}

impl Turns<'_> {
    /// Carries out one step. A shared service is kept from everything else meanwhile: steps are short.
    ///
    /// # Errors
    /// The step's own; the seat was locked; the node is stopping.
    pub(crate) fn take<R: Send + 'static>(
        &mut self,
        step: impl FnOnce(&mut Service) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        match self {
            Self::Own(service) => step(service),
            Self::Shared { seat_of, steps } => {
                let seat_of = *seat_of;
                let (answer, answered) = std::sync::mpsc::sync_channel(1);
                let step: Step = Box::new(move |service| {
                    let open = seat_of.map_or(Ok(()), |session| service.require_open(session));
                    let _ = answer.send(open.and_then(|()| step(service)));
                });
                steps.blocking_send(step).map_err(|_| stopping())?;
                answered.recv().map_err(|_| stopping())?
            }
        }
    }
}

fn stopping() -> Failure {
    Failure::new(
        "gone",
        "the node is stopping; everything it reported as saved is safe",
        "le nœud s'arrête ; tout ce qu'il a annoncé comme enregistré est en sûreté",
    )
}
