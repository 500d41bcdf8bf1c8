//! A driver without conditional nodes: the host drives what the device cannot decide by itself. The
//! device of a process is opened once, so this is a process of its own.

#[path = "support/nests.rs"]
mod nests;
#[path = "support/session.rs"]
mod session;

use cotangent_cuda_stub::control::Counter;
use cotangent_jit::verify::verify;
use cotangent_jit::{interp, plan};
use nests::{inputs, nest};
use session::{Given, session};

#[test]
fn an_older_driver_lets_the_host_decide() {
    let s = session();
    s.stub.driver(12_030);
    let mut trips = 0;
    for seed in 0..30 {
        let mut p = nest(seed, false);
        let e = s.compile(&p);
        assert_eq!(e.launches().conditions, 0);
        plan::plan(&mut p);
        for run in 0..2 {
            s.stub.seed(5 * seed + run);
            s.stub.reset();
            let inputs = inputs(2 * seed + run);
            let given: Vec<Given> = inputs.iter().cloned().map(Given::Bytes).collect();
            let expected = interp::run(&verify(p.clone()).unwrap(), &inputs).unwrap();
            assert!(s.run(&p, &*e, &given).unwrap() == expected, "nest {seed}, run {run}");
            // The two outputs are read in any case.
            let waits = s.stub.count(Counter::Synchronisations) - 2;
            assert!(waits == 0 || e.launches().round_trips > 0, "nest {seed}: {waits}");
            trips += waits;
        }
    }
    assert!(trips > 100, "{trips} round trips");
}
