//! Drops instructions whose results nothing reads.
//!
//! Every node of a kernel is emitted, also one that a neighbour has merged into its own instruction
//! (see `merged`), and so are masks and addresses that turn out to be needless. One pass from the
//! end to the front finds them all, but for registers that only feed themselves around a loop.

use super::code::{Code, Inst, R, Role};

/// Removes the instructions. Those with effects beside their results stay.
pub fn drop_unused(code: &mut Code) {
    let mut readers = vec![0u32; code.classes.len()];
    for inst in &code.insts {
        sources(inst, |r| readers[r.0 as usize] += 1);
    }
    let mut kept = vec![true; code.insts.len()];
    for (n, inst) in code.insts.iter().enumerate().rev() {
        if result(inst).is_some_and(|r| readers[r.0 as usize] == 0) {
            kept[n] = false;
            sources(inst, |r| readers[r.0 as usize] -= 1);
        }
    }
    let mut kept = kept.into_iter();
    code.insts.retain(|_| kept.next().unwrap_or(true));
}

/// The registers that the instruction reads for the sake of others: an update of a register does
/// not keep it alive.
fn sources(inst: &Inst, mut f: impl FnMut(R)) {
    let own = result(inst);
    inst.visit(&mut |r, role| {
        if role != Role::Define && own != Some(r) {
            f(r);
        }
    });
}

/// The register that the instruction writes, if it has no other effect.
fn result(inst: &Inst) -> Option<R> {
    match inst {
        Inst::Vector { dst, .. }
        | Inst::Part { dst, .. }
        | Inst::Compare { dst, .. }
        | Inst::Blend { dst, .. }
        | Inst::MaskedLoad { dst, .. }
        | Inst::Gather { dst, .. }
        | Inst::Mask { dst, .. }
        | Inst::MaskFrom { dst, .. }
        | Inst::Spread { dst, .. }
        | Inst::First { dst, .. }
        | Inst::Copy { dst, .. }
        | Inst::Set { dst, .. }
        | Inst::Load { dst, .. }
        | Inst::Lea { dst, .. }
        | Inst::Update { dst, .. }
        | Inst::KeepLow { dst, .. }
        | Inst::Constant { dst, .. } => Some(*dst),
        Inst::Store { .. }
        | Inst::MaskedStore { .. }
        | Inst::Scatter { .. }
        | Inst::StoreGeneral { .. }
        | Inst::Call { .. }
        | Inst::Bind(_)
        | Inst::Jump(_)
        | Inst::Fence
        | Inst::Prefetch { .. }
        | Inst::Branch { .. }
        | Inst::NoneSet { .. }
        | Inst::NoneSetVector { .. }
        | Inst::LoopBegin
        | Inst::LoopEnd => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::code::{Address, Amount, Arith, Class};
    use super::*;

    /// A result that is stored, an update of a counter that a loop tests, and what only feeds each
    /// other.
    #[test]
    fn what_nothing_reads_is_dropped() {
        let mut code = Code::default();
        let [kept, unread, feeds, counter] = [0; 4].map(|_| code.register(Class::General));
        let set = |dst| Inst::Set { dst, to: 1 };
        let add = |dst, by| Inst::Update { op: Arith::Add, dst, by };
        let place = code.place();
        let stay = [
            set(kept),
            set(counter),
            Inst::LoopBegin,
            Inst::Bind(place),
            add(counter, Amount::Now(1)),
            Inst::StoreGeneral { src: kept, to: Address::frame(0), bytes: 8 },
            Inst::Branch {
                a: counter,
                cond: super::super::asm::Cond::L,
                b: Amount::Now(9),
                to: place,
            },
            Inst::LoopEnd,
        ];
        let text = |insts: &[Inst]| format!("{insts:?}");
        let expected = text(&stay);
        stay.into_iter().for_each(|i| code.push(i));
        code.insts.insert(2, set(feeds));
        code.insts.insert(3, set(unread));
        code.insts.insert(4, add(unread, Amount::Reg(feeds)));
        drop_unused(&mut code);
        assert_eq!(text(&code.insts), expected);
    }
}
