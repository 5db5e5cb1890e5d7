//! Two doctors who never meet: one writes and asks, a cabin carries, the other reads and answers, the cabin carries back.

use std::path::Path;

use bocage_app::app::LOCK_AFTER_MS;
use bocage_app::bridge::Options;
use bocage_node::driver::{self, Driver};
use bocage_node::home::Home;
use bocage_node::place::Description;
use bocage_node::service::{Service, found_network};
use bocage_protocol::identity::{FacilityKind, Profession};
use tokio::sync::oneshot;

use crate::support::{PASSPHRASE, fill, french, press, press_row, refill, told, until, until_shown, window};

fn place(facility: &str, kind: FacilityKind, who: Option<&str>) -> Description {
    Description {
        facility: facility.to_owned(),
        kind,
        finess: String::new(),
        town: "Gramat".to_owned(),
        practitioner: who.map(|name| (name.to_owned(), Profession::Doctor, String::new())),
    }
}

/// A node without a window, on a thread of its own, until it is dropped.
struct Carrier {
    address: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Carrier {
    fn start(home: Home) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (said, heard) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async move {
                let service = Service::open(home, &mut |_, _| {}).expect("the carrier opens");
                let options = driver::Options {
                    listen: vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")],
                    peers: Vec::new(),
                    mdns: false,
                    in_window: false,
                };
                let driver = Driver::start(service, options).await.expect("the carrier starts");
                while driver.listening().is_empty() {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
                said.send(driver.listening()[0].clone()).expect("somebody listens");
                driver
                    .run(async {
                        let _ = stopped.await;
                    })
                    .await
                    .expect("the carrier stops cleanly");
            });
        });
        Self {
            address: heard.recv().expect("the carrier says where it listens"),
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn desk(home: &Path, carrier: &Carrier) -> Options {
    Options {
        data: Some(home.to_owned()),
        listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
        peers: vec![carrier.address.clone()],
        mdns: false,
        demo: false,
        passphrase: None,
        settings: None,
    }
}

/// Two doctors who never meet, and the cabin between them, running.
fn quercy(root: &Path) -> (Vec<Home>, Carrier) {
    let places = [
        place("Centre de Saint-Aubin", FacilityKind::Clinic, Some("Dr Élise Marchand")),
        place("Hôpital de Figeac", FacilityKind::Clinic, Some("Dr Claire Petit")),
        place("Cabine de Gramat", FacilityKind::Cabin, None),
    ];
    let homes = found_network(root, "Quercy", &places, PASSPHRASE).unwrap();
    let carrier = Carrier::start(homes[2].clone());
    (homes, carrier)
}

#[test]
fn a_referral_crosses_without_the_two_ever_meeting_and_its_answer_comes_back_with_proof() {
    let root = tempfile::tempdir().unwrap();
    let (homes, carrier) = quercy(root.path());

    // Dr Marchand registers a patient, takes vitals, writes a note, and asks Dr Petit.
    let mut a = window(desk(homes[0].root(), &carrier), french());
    fill(&mut a, "Phrase de passe", "pas la bonne phrase");
    press(&mut a, "Déverrouiller");
    until_shown(&mut a, "Phrase de passe fausse");
    fill(&mut a, "Phrase de passe", PASSPHRASE);
    press(&mut a, "Déverrouiller");
    press(&mut a, "Nouveau dossier");
    fill(&mut a, "Nom de naissance", "Diallo");
    fill(&mut a, "Prénoms", "Awa");
    fill(&mut a, "Date de naissance", "12/03/1992");
    press(&mut a, "Sexe : Femme");
    fill(&mut a, "INS (facultatif)", "295109912611199");
    until_shown(&mut a, "Un chiffre est mal tapé");
    // Behind what is there: the cursor is at the end.
    a.key_press(egui::Key::Backspace);
    a.key_press(egui::Key::Backspace);
    fill(&mut a, "INS (facultatif)", "93");
    press(&mut a, "Créer le dossier");
    press(&mut a, "Nouvelle consultation");
    fill(&mut a, "Motif", "Douleur thoracique");
    fill(&mut a, "Note", "Douleur depuis ce matin, au repos.");
    for (sign, value) in [
        ("Tension (mmHg)", "151/94"),
        ("Pouls (/min)", "84"),
        ("Fréquence respiratoire (/min)", "18"),
        ("SpO₂ (%)", "98"),
        ("Température (°C)", "37,1"),
    ] {
        fill(&mut a, sign, value);
    }
    press(&mut a, "Conscience : Alerte (éveillé)");
    until_shown(&mut a, "Pas de total, il manque");
    press(&mut a, "La personne respire : à l’air ambiant");
    until_shown(&mut a, "risque faible");
    press(&mut a, "Signer et enregistrer");
    until_shown(&mut a, "151/94");
    // A measure that was typed wrong is corrected as it was typed, and one that was nobody's is said to be a mistake.
    press(&mut a, "Historique");
    press(&mut a, "Corriger…, Consultation : Douleur thoracique");
    press(&mut a, "Corriger : Pouls 84 /min");
    refill(&mut a, "Pouls (/min)", "94");
    press(&mut a, "Signer la correction");
    until_shown(&mut a, "Pouls 94");
    until_shown(&mut a, "corrigé une fois");
    press(&mut a, "Corriger : Température 37,1 °C");
    press(&mut a, "Saisi par erreur");
    press(&mut a, "Confirmer : saisi par erreur");
    // The score that rested on it goes with it.
    until_shown(&mut a, "2 éléments saisis par erreur");
    // A question that is begun and left is still there.
    press(&mut a, "Écrire à un confrère");
    fill(&mut a, "À qui", "petit");
    until_shown(&mut a, "Row: Dr Claire Petit, Hôpital de Figeac Gramat");
    // Until the search has answered, everybody stands there.
    until(&mut a, "she alone is found", |w| !told(w).contains("Row: Les médecins"));
    a.key_press(egui::Key::ArrowDown);
    a.run_ok();
    a.key_press(egui::Key::Enter);
    until_shown(&mut a, "Changer de destinataire");
    fill(&mut a, "Question", "Faut-il");
    press(&mut a, "Accueil");
    press_row(&mut a, "Question commencée, Awa DIALLO");
    until_shown(&mut a, "Faut-il");
    until_shown(&mut a, "Dr Claire Petit, Hôpital de Figeac");
    fill(&mut a, "Question", " l’hospitaliser ?");
    press(&mut a, "Signer et envoyer");
    until_shown(&mut a, "Faut-il l’hospitaliser ?");
    until_shown(&mut a, "Enregistré sur cet appareil");
    // The cabin says with its own signature that it holds it. Then the clinic's link is cut.
    until_shown(&mut a, "Détenu par 1 autre lieu");
    drop(a);

    // Dr Petit, whom only the cabin reaches, finds it in what waits for her, and answers.
    let mut b = window(desk(homes[1].root(), &carrier), french());
    fill(&mut b, "Phrase de passe", PASSPHRASE);
    press(&mut b, "Déverrouiller");
    until_shown(&mut b, "Awa DIALLO");
    press(&mut b, "Demandes, 1");
    press_row(&mut b, "Téléexpertise, Awa DIALLO");
    until_shown(&mut b, "Faut-il l’hospitaliser ?");
    press(&mut b, "Ouvrir le dossier");
    until_shown(&mut b, "151/94");
    b.key_press_modifiers(egui::Modifiers::ALT, egui::Key::ArrowLeft);
    fill(&mut b, "Votre réponse", "Oui, ce soir. Je préviens le service.");
    press(&mut b, "Signer l’avis");
    until_shown(&mut b, "Détenu par 1 autre lieu");
    // What was answered can be added to, and isn't asked for.
    until_shown(&mut b, "Compléter l’avis");
    assert!(!told(&b).contains("Votre réponse"), "{}", told(&b));
    drop(b);

    // The clinic is back: the answer, and that the question was read.
    let mut a = window(desk(homes[0].root(), &carrier), french());
    fill(&mut a, "Phrase de passe", PASSPHRASE);
    press(&mut a, "Déverrouiller");
    until_shown(&mut a, "avis rendu");
    press_row(&mut a, "Téléexpertise");
    until_shown(&mut a, "Oui, ce soir. Je préviens le service.");
    until_shown(&mut a, "Lu par Dr Claire Petit");
    fill(&mut a, "Autre question, ou dernier mot", "Merci, elle part.");
    press(&mut a, "Clore la demande");
    until_shown(&mut a, "ferme le dossier à");
    press(&mut a, "Confirmer : clore la demande");
    until_shown(&mut a, "Plus rien n’est ouvert par cette demande.");
    until_shown(&mut a, "Détenu par 1 autre lieu");
    drop(a);

    // The hospital sees that the record is an old one from now on, and may not write in it.
    let mut b = window(desk(homes[1].root(), &carrier), french());
    fill(&mut b, "Phrase de passe", PASSPHRASE);
    press(&mut b, "Déverrouiller");
    press(&mut b, "Patients");
    press_row(&mut b, "Diallo Awa");
    until_shown(&mut b, "Ce dossier n’est plus ouvert à votre lieu");
    let said = told(&b);
    assert!(said.contains("151/94") && !said.contains("Nouvelle consultation"), "{said}");
}

/// Sharing asks nothing of anybody: whoever it is for would never look. And what stays true between visits is written, ended, corrected.
#[test]
fn a_record_that_is_opened_without_a_question_is_news_on_the_other_desk_until_it_is_read_there() {
    let root = tempfile::tempdir().unwrap();
    let (homes, carrier) = quercy(root.path());
    let mut a = window(desk(homes[0].root(), &carrier), french());
    fill(&mut a, "Phrase de passe", PASSPHRASE);
    press(&mut a, "Déverrouiller");
    press(&mut a, "Nouveau dossier");
    fill(&mut a, "Nom de naissance", "Diallo");
    fill(&mut a, "Prénoms", "Aw");
    fill(&mut a, "Date de naissance", "12/03/92");
    press(&mut a, "Écrire 12/03/1992, Date de naissance");
    press(&mut a, "Sexe : Homme");
    press(&mut a, "Créer le dossier");
    press(&mut a, "Corriger l’identité");
    refill(&mut a, "Prénoms", "Awa");
    press(&mut a, "Sexe : Femme");
    press(&mut a, "Signer la correction");
    until_shown(&mut a, "Awa DIALLO");
    until_shown(&mut a, "née le 12 mars 1992");
    press(&mut a, "Allergies, traitements, ATCD");
    fill(&mut a, "Problème ou antécédent", "Appendicectomie");
    fill(&mut a, "Depuis quand", "1998");
    press(&mut a, "Ajouter un antécédent");
    until_shown(&mut a, "Appendicectomie (1998)");
    fill(&mut a, "Médicament", "Metformine 500 mg");
    fill(&mut a, "Posologie", "1 le soir");
    press(&mut a, "Ajouter le traitement");
    press(&mut a, "Arrêter, Metformine 500 mg, 1 le soir");
    fill(&mut a, "Pourquoi", "Diarrhée");
    press(&mut a, "Signer l’arrêt");
    until_shown(&mut a, "arrêté : ");
    until_shown(&mut a, "Diarrhée");
    press(&mut a, "Qui peut lire");
    press(&mut a, "Partager avec Hôpital de Figeac");
    press(&mut a, "Partager le dossier de Awa DIALLO");
    until_shown(&mut a, "peut lire ce dossier");

    let mut b = window(desk(homes[1].root(), &carrier), french());
    fill(&mut b, "Phrase de passe", PASSPHRASE);
    press(&mut b, "Déverrouiller");
    until_shown(&mut b, "Un dossier a été ouvert à votre lieu");
    press_row(&mut b, "Awa DIALLO, par Dr Élise Marchand, Centre de Saint-Aubin");
    until_shown(&mut b, "Appendicectomie (1998)");
    press(&mut b, "Accueil");
    until(&mut b, "it is no news any more", |w| !told(w).contains("a été ouvert"));
    // A window beside another one says which of the two is the node.
    let mut second = window(desk(homes[1].root(), &carrier), french());
    fill(&mut second, "Phrase de passe", PASSPHRASE);
    press(&mut second, "Déverrouiller");
    until_shown(&mut second, "Une autre fenêtre de ce lieu est ouverte");
    assert!(!told(&b).contains("Une autre fenêtre"));
    drop(second);
    // Nobody touches it any more: it locks, and says nothing of the patient.
    let now = b.state().state().now_ms;
    b.state_mut().freeze(now + LOCK_AFTER_MS - 1_000);
    b.run_ok();
    assert!(told(&b).contains("Bonjour"), "{}", told(&b));
    b.state_mut().freeze(now + 2 * LOCK_AFTER_MS);
    until_shown(&mut b, "Poste verrouillé");
    assert!(!told(&b).contains("Awa"), "{}", told(&b));
}
