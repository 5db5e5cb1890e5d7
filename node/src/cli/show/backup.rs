//! `backup` and `restore`.

use super::moment;
use crate::client::{BackedUp, Restored};
use crate::lang::{Lang, wrap};

pub(super) fn written(out: &mut String, done: &BackedUp, lang: Lang) {
    let items = lang.count(done.items, ["item", "items"], ["élément", "éléments"]);
    let size = done.bytes.div_ceil(1_000);
    let whole = match lang {
        Lang::En => format!("Backup written and read back: {items}, {size} kB, {}.", drafts(done.drafts, lang)),
        Lang::Fr => format!("Sauvegarde écrite et relue : {items}, {size} ko, {}.", drafts(done.drafts, lang)),
    };
    out.push_str(&wrap("", &whole, 2));
    out.push_str(&done.dir);
    out.push('\n');
    let next = lang.pick(
        "It opens with this place's passphrase only: without it nobody can bring it back, us included. Keep it away from this machine.",
        "Elle ne s'ouvre qu'avec la phrase de passe de ce lieu : sans elle, personne ne peut la restaurer, même pas nous. Gardez-la loin de cette machine.",
    );
    out.push_str(&wrap("", next, 0));
}

pub(super) fn restored(out: &mut String, done: &Restored, lang: Lang) {
    let items = lang.count(done.items, ["item", "items"], ["élément", "éléments"]);
    let made = moment(done.made_ms);
    let whole = match lang {
        Lang::En => format!(
            "{} is back as it was on {made}: {items}, {}.",
            done.facility,
            drafts(done.drafts, lang)
        ),
        Lang::Fr => format!(
            "{} est de retour, au {made} : {items}, {}.",
            done.facility,
            drafts(done.drafts, lang)
        ),
    };
    out.push_str(&wrap("", &whole, 2));
    if done.missing > 0 {
        let waiting = lang.count(done.missing, ["item waits", "items wait"], ["élément attend", "éléments attendent"]);
        let said = lang.pick(
            "for a certificate that came while the backup was being written: the others bring it.",
            "un certificat venu pendant que la sauvegarde s'écrivait : les autres l'apporteront.",
        );
        out.push_str(&wrap("", &format!("{waiting} {said}"), 2));
    }
    let next = lang.pick(
        "What was written since comes back from the others at the next exchange. The old machine must never run again: two of one identity would contradict each other. Start this one with `bocage run`, or open the window.",
        "Ce qui a été écrit depuis reviendra des autres au prochain échange. L'ancienne machine ne doit plus jamais tourner : deux machines de même identité se contrediraient. Démarrez celle-ci par `bocage run`, ou ouvrez la fenêtre.",
    );
    out.push_str(&wrap("", next, 0));
}

fn drafts(count: u64, lang: Lang) -> String {
    lang.count(count, ["draft", "drafts"], ["brouillon", "brouillons"])
}
