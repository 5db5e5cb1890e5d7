//! How much a guess of a passphrase costs: Argon2id parameters that are in bounds by construction.
//!
//! Invariant: an [`Argon2Cost`] outside floor and ceiling doesn't exist, so a file that asks for 8 KiB (free guesses) or 64 GiB
//! (a denial of service) is refused while it is read, before a byte is allocated for it.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use bocage_protocol::crypto::{Secret, derive};
use bocage_protocol::wire::{Reader, WireError, Writer};
use std::time::{Duration, Instant};
use thiserror::Error;
use zeroize::Zeroize;

/// Least memory, in KiB: 64 MiB.
pub(super) const MIN_MEMORY_KIB: u32 = 64 * 1024;
/// Most memory, in KiB: 1 GiB. More would shut out the smallest box that may have to open the file.
pub(super) const MAX_MEMORY_KIB: u32 = 1024 * 1024;
/// Fewest passes over the memory.
pub(super) const MIN_PASSES: u32 = 3;
/// Most passes: at the memory ceiling, a few seconds.
pub(super) const MAX_PASSES: u32 = 10;
/// Most lanes.
pub(super) const MAX_LANES: u8 = 4;

/// What an unlock should take on the machine that creates the slot.
const TARGET: Duration = Duration::from_secs(1);

/// Argon2id v1.3 parameters within bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Argon2Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u8,
}

/// Parameters that Bocage never writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{memory_kib} KiB, {passes} passes, {lanes} lanes is outside 64 MiB to 1 GiB, 3 to 10 passes, 1 to 4 lanes")]
pub struct CostRefused {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u8,
}

/// Why a passphrase couldn't be stretched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum StretchError {
    /// The machine has not that much memory free now; closing programs may help.
    #[error("{0} MiB of memory are needed and are not free")]
    OutOfMemory(u32),
}

impl Argon2Cost {
    /// The least that is accepted: what tests and demonstrations use, and what invitations are sealed with.
    pub const FLOOR: Self = Self {
        memory_kib: MIN_MEMORY_KIB,
        passes: MIN_PASSES,
        lanes: 1,
    };

    pub fn new(memory_kib: u32, passes: u32, lanes: u8) -> Result<Self, CostRefused> {
        let sound = (MIN_MEMORY_KIB..=MAX_MEMORY_KIB).contains(&memory_kib)
            && (MIN_PASSES..=MAX_PASSES).contains(&passes)
            && (1..=MAX_LANES).contains(&lanes);
        if sound {
            Ok(Self { memory_kib, passes, lanes })
        } else {
            Err(CostRefused { memory_kib, passes, lanes })
        }
    }

    /// About one second on this machine: measures the floor once, then gives memory what time is left.
    pub fn calibrated() -> Self {
        let started = Instant::now();
        match Self::FLOOR.stretch("bocage 2026-11 calibration v1", b"calibration", &[0; 16]) {
            Ok(_) => Self::scaled(started.elapsed()),
            Err(StretchError::OutOfMemory(_)) => Self::FLOOR,
        }
    }

    /// The cost that takes [`TARGET`] where the floor takes `floor_time`, in whole steps of 16 MiB.
    fn scaled(floor_time: Duration) -> Self {
        let ratio = TARGET.as_secs_f64() / floor_time.as_secs_f64().max(1e-3);
        let wanted = (f64::from(MIN_MEMORY_KIB) * ratio) as u32 / (16 * 1024) * (16 * 1024);
        Self {
            memory_kib: wanted.clamp(MIN_MEMORY_KIB, MAX_MEMORY_KIB),
            ..Self::FLOOR
        }
    }

    pub fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    pub fn passes(self) -> u32 {
        self.passes
    }

    /// Nine bytes: memory 4, passes 4, lanes 1.
    pub(crate) fn write(self, w: &mut Writer) {
        w.u32(self.memory_kib).u32(self.passes).u8(self.lanes);
    }

    /// The inner result tells parameters out of bounds from bytes that are missing.
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Result<Self, CostRefused>, WireError> {
        Ok(Self::new(r.u32()?, r.u32()?, r.u8()?))
    }

    /// A key from a passphrase, for one use. The working memory is wiped before it is given back.
    pub(crate) fn stretch(self, context: &'static str, passphrase: &[u8], salt: &[u8; 16]) -> Result<Secret, StretchError> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes.into(), Some(32)).expect("costs in bounds are valid parameters");
        let mut blocks: Vec<Block> = Vec::new();
        let count = params.block_count();
        blocks
            .try_reserve_exact(count)
            .map_err(|_| StretchError::OutOfMemory(self.memory_kib / 1024))?;
        blocks.resize(count, Block::new());
        let mut raw = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(passphrase, salt, &mut raw, &mut blocks)
            .expect("lengths and memory are those of the parameters");
        for block in &mut blocks {
            block.zeroize();
        }
        let key = Secret(derive(context, &[&raw]));
        raw.zeroize();
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_machine_gets_the_floor_and_a_fast_one_no_more_than_the_ceiling() {
        assert_eq!(Argon2Cost::scaled(Duration::from_secs(5)), Argon2Cost::FLOOR);
        assert_eq!(Argon2Cost::scaled(Duration::ZERO).memory_kib, MAX_MEMORY_KIB);
        let quarter = Argon2Cost::scaled(TARGET / 4);
        assert_eq!((quarter.memory_kib, quarter.passes), (4 * MIN_MEMORY_KIB, MIN_PASSES));
    }

    #[test]
    fn this_is_argon2id_version_1_3() {
        // Computed with the reference implementation's Python binding (argon2-cffi): Argon2id, v = 0x13, t = 3, m = 65536, p = 1.
        let key = Argon2Cost::FLOOR.stretch("c", b"correct horse", b"0123456789abcdef").unwrap();
        let raw: [u8; 32] = bocage_protocol::ids::unhex(ARGON2ID).unwrap().try_into().unwrap();
        assert_eq!(key.0, derive("c", &[&raw]));
    }

    const ARGON2ID: &str = "92599c67f23f1d9dce9b6f0cfb5a9b18ce110336de00799947472465edd9e49a";
}
