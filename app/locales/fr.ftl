# Tout ce que la fenêtre dit, en français. Les identifiants sont ceux de en.ftl.

app-name = Bocage
close = Fermer
back = Retour
retry = Réessayer
loading = Chargement…
saving = Enregistrement…
today = { $weekday } { $day } { $month }
weekday-1 = lundi
weekday-2 = mardi
weekday-3 = mercredi
weekday-4 = jeudi
weekday-5 = vendredi
weekday-6 = samedi
weekday-7 = dimanche
month-1 = janvier
month-2 = février
month-3 = mars
month-4 = avril
month-5 = mai
month-6 = juin
month-7 = juillet
month-8 = août
month-9 = septembre
month-10 = octobre
month-11 = novembre
month-12 = décembre
not-certified = Ce logiciel n’est pas certifié. N’y saisissez que des identités fictives de test.

# Avant le bureau
starting = Ouverture des dossiers de ce poste…
broken-title = Ce poste ne peut pas s’ouvrir
lock-network = Réseau : { $network }
unlock = Déverrouiller
unlocking = Ouverture…
locked-carries = Poste verrouillé : il continue d’échanger et de transporter les dossiers, sans pouvoir les lire.
field-passphrase = Phrase de passe

# Première fois
welcome = Bienvenue
welcome-what = Bocage relie les lieux de soins entre eux, avec ou sans connexion, sans serveur central.
join-title = Rejoindre un réseau
join-what = Un lieu qui en fait partie vous a remis une invitation et dit six mots.
join = J’ai une invitation
found-title = Fonder un réseau
found-what = Vous êtes les premiers. Vous inviterez les autres lieux ensuite.
found = Fonder un réseau
setup-step = Étape { $n } sur { $of }
setup-place = Votre lieu
setup-person = Qui y exerce
setup-passphrase = La phrase de passe
setup-next = Continuer
setup-found = Fonder le réseau
setup-join = Demander l’admission
setup-working = Création des clés, une minute au plus…
setup-incomplete = À compléter ou à corriger : { $fields }.
field-network = Nom du réseau
hint-network = Réseau de soins du bocage
field-kind = Ce lieu est
kind-clinic = un lieu de soins (cabinet, centre, hôpital)
kind-pharmacy = une pharmacie
kind-cabin = une cabine
kind-mobile = un médecin mobile
field-facility = Nom du lieu
hint-facility = Centre de santé de Saint-Aubin
field-town = Commune (facultatif)
field-finess = N° FINESS (facultatif)
field-invitation = Fichier d’invitation
hint-invitation = /media/cle/invitation.bocage
invitation-what = Le fichier arrive par courriel ou par clé USB ; les mots sont dits au téléphone.
invitation-drop = Vous pouvez aussi déposer le fichier dans cette fenêtre.
field-words = Les six mots
hint-words = six mots, séparés par des espaces
person-what = La personne qui travaille à ce poste. Son nom signera ce qu’elle écrit.
cabin-nobody = Personne n’exerce dans une cabine : elle transporte les dossiers et ne peut pas les lire.
field-practitioner = Nom du praticien
hint-practitioner = Élise Marchand
field-profession = Profession
profession-doctor = Médecin
profession-nurse = Infirmière, infirmier
profession-pharmacist = Pharmacienne, pharmacien
field-rpps = N° RPPS (facultatif)
passphrase-what = Elle ouvre les dossiers sur ce poste ; 12 caractères au moins. Quatre ou cinq mots au hasard sont plus sûrs et plus faciles à retenir qu’un mot compliqué.
field-new-passphrase = Nouvelle phrase de passe
field-passphrase-again = La même, encore une fois
passphrase-lost = Personne ne peut la retrouver, même pas nous. Écrivez-la et gardez-la au coffre.
waiting-title = En attente d’admission
waiting-what = Le lieu qui vous invite doit vous admettre. Téléphonez-lui : les mots ci-dessous doivent être les mêmes sur son écran.
waiting-words = Mots à comparer
waiting-again = Demander à nouveau

# Le bureau
nav-home = Accueil
nav-patients = Patients
nav-network = Réseau
nav-settings = Réglages
lock = Verrouiller
net-alone = Seul dans le réseau
net-offline = Hors ligne
net-offline-what = Tout est enregistré ici et partira au prochain échange.
net-online = { $n ->
        [one] Relié à { $n } lieu sur { $of }
       *[other] Relié à { $n } lieux sur { $of }
    }
net-last = Dernier échange : { $at }
help = Touches du clavier
key-places = Aller à un écran
key-search = Chercher un patient
key-list = Choisir dans la liste
key-visit = Nouvelle consultation (dans un dossier), nouveau patient (ailleurs)
key-save = Signer et enregistrer
key-tabs = Partie précédente, suivante du dossier
key-back = Écran précédent
key-lock = Verrouiller le poste
key-help = Cette aide

# Accueil
hello = Bonjour { $name }
home-nothing = Rien n’attend : ni demande, ni brouillon.
home-begin = Commencer
draft-row = Brouillon de consultation, { $name }, { $at }
draft-at = brouillon de { $at }
find-patient = Chercher un patient
new-patient = Nouveau dossier
look-at = Voir

# Patients
search = Chercher un patient
search-hint = Nom, prénom, date de naissance ou INS
patients-total = { $n ->
        [0] aucun dossier
        [one] { $n } dossier
       *[other] { $n } dossiers
    }
patients-none = Aucun dossier n’est encore lisible ici.
patients-not-found = Personne ne correspond parmi les dossiers lisibles ici.
column-name = Nom
column-birth = Naissance
column-sex = Sexe
column-ins = INS
age = { $n ->
        [0] moins d’un an
        [one] { $n } an
       *[other] { $n } ans
    }
born-f = née le { $date }
born-m = né le { $date }
born = né(e) le { $date }
sex-female = Femme
sex-male = Homme
sex-other = Autre
sex-unknown = Non précisé

# Nouveau dossier
test-identities = Identités fictives seulement : le numéro INS est enregistré comme INS de test.
field-family = Nom de naissance
field-given = Prénoms
field-birth = Date de naissance
hint-birth = jj/mm/aaaa
field-sex = Sexe
field-ins = INS (facultatif)
hint-ins = 15 caractères
create-record = Créer le dossier
create-anyway = C’est quelqu’un d’autre : créer le dossier
patient-missing = Nom, prénom, date de naissance et sexe sont nécessaires.
twins = { $n ->
        [one] Une personne d’ici est peut-être la même. Ouvrez son dossier plutôt que d’en créer un second.
       *[other] { $n } personnes d’ici sont peut-être la même. Ouvrez leur dossier plutôt que d’en créer un second.
    }
twin-ins = même INS
twin-name = même nom, même naissance
twin-similar = nom proche, même naissance
toast-patient-created = Dossier créé, enregistré sur cet appareil

# Dossier
new-visit = Nouvelle consultation
allergy = Allergie : { $to }
no-allergy = Aucune allergie notée
ins-test = INS de test { $number }
tab-summary = Résumé
tab-history = Historique
tab-vitals = Constantes
tab-treatments = Allergies, traitements, ATCD
background = Problèmes, antécédents et traitements
tab-readers = Qui peut lire
vitals-few = Il faut deux mesures d’un même signe pour tracer une courbe.
vitals-none = Aucune constante mesurée.
never-measured = pas de mesure
chart-sentence = { $value } le { $at }. { $n ->
        [one] Une mesure.
       *[other] { $n } mesures.
    }
systolic = Systolique
diastolic = Diastolique
history-none = Rien n’est encore écrit dans ce dossier.
entry-note = Note
entry-other = Élément importé
entry-quarantined = Écrit sans droit : à vérifier
entry-disputed = Auteur en litige : à vérifier
entry-corrected = { $n ->
        [one] corrigé une fois
       *[other] corrigé { $n } fois
    }
saved-here = Enregistré sur cet appareil
held-by = { $n ->
        [one] Détenu par { $n } autre lieu
       *[other] Détenu par { $n } autres lieux
    }
allergies = Allergies et intolérances
allergies-none = Aucune allergie notée.
treatments = Traitements
treatments-none = Aucun traitement noté.
field-substance = Substance
field-reaction = Réaction (facultatif)
add-allergy = Ajouter l’allergie
add-severe-allergy = Ajouter comme grave
field-medicine = Médicament
field-dosage = Posologie
add-treatment = Ajouter le traitement
toast-saved-here = Enregistré sur cet appareil
readers-title = Qui peut lire ce dossier
readers-what = Les soignants de ces lieux, chacun selon sa profession.
reader-until = jusqu’au { $at }
reader-open = sans date de fin
parts-here = Parties lisibles ici : { $parts }
part-identity = identité
part-emergency = urgence
part-medication = allergies et traitements
part-clinical = clinique
part-sensitive = sensible
part-trace = traces
part-request = demandes

# Consultation
visit-of = Consultation : { $name }
back-to-record = Retour au dossier
field-reason = Motif
hint-reason = Suivi, douleur, renouvellement…
field-note = Note
hint-note = Ce qui est dit, constaté, décidé
breathing = La personne respire
on-air = à l’air ambiant
on-oxygen = sous oxygène
save-visit = Signer et enregistrer
drop-draft = Abandonner le brouillon
draft-saved = Brouillon enregistré à { $at }
toast-visit-saved = Consultation signée, enregistrée sur cet appareil
sign-respiratory-rate = Fréquence respiratoire
sign-heart-rate = Pouls
sign-spo2 = SpO₂
sign-temperature = Température
sign-blood-pressure = Tension
sign-weight = Poids
sign-height = Taille
sign-bmi = IMC
sign-pain = Douleur
sign-consciousness = Conscience
sign-glucose = Glycémie
sign-hba1c = HbA1c
sign-wound-length = Longueur de plaie
sign-wound-width = Largeur de plaie
sign-wound-depth = Profondeur de plaie
acvpu-a = Alerte (éveillé)
acvpu-c = Confusion
acvpu-v = Réagit à la voix
acvpu-p = Réagit à la douleur
acvpu-u = Sans réaction
news2 = NEWS2
news2-incomplete = incomplet
news2-low = risque faible
news2-low-medium = risque faible à modéré : un signe à 3
news2-medium = risque modéré : avis médical rapide
news2-high = risque élevé
news2-call = Appelez le 15.
news2-missing = Pas de total, il manque : { $signs }.
news2-who = Adulte de 16 ans et plus, hors grossesse.
news2-scale-two = Échelle SpO₂ 2 : BPCO ou hypercapnie, sur décision du prescripteur

# Fautes de frappe
wrong-date = Cette date n’existe pas : écrivez jj/mm/aaaa.
wrong-key = Un chiffre est mal tapé : la clé ne correspond pas.
wrong-ins = Un INS a 15 caractères.
wrong-rpps = Un numéro RPPS a 11 chiffres.
wrong-finess = Un numéro FINESS a 9 caractères.
wrong-passphrase-again = Les deux phrases sont différentes.
wrong-limits = De { $low } à { $high }.
wrong-diastolic = Diastolique trop haute.
wrong-passphrase-short = Douze caractères au moins.
wrong-acvpu = Une lettre : A, C, V, P ou U.
wrong-precise = Trop de chiffres après la virgule : { $decimals } au plus.
wrong-pressure = Deux nombres, comme 120/80.
wrong-number = Un nombre, dans l’unité indiquée.

# Réseau
network-you = Vous êtes { $facility }. Réseau : « { $network } ».
network-alone = Ce lieu est seul. Invitez-en un autre : les dossiers partagés avec lui seront échangés dès qu’une liaison existe.
peers = Lieux du réseau
peer-settled = relié, à jour
peer-exchanging = relié, échange en cours
peer-seen = vu la dernière fois : { $at }
peer-never = jamais rencontré
clock-to-check = Horloge à vérifier
redial = Chercher les autres maintenant
toast-redial = Recherche des autres lieux…
carried = Ce que ce poste détient
carried-records = { $n ->
        [0] Aucun dossier lisible ici
        [one] { $n } dossier lisible ici
       *[other] { $n } dossiers lisibles ici
    }
carried-items = { $n ->
        [one] { $n } élément détenu (mesures, notes, droits…)
       *[other] { $n } éléments détenus (mesures, notes, droits…)
    }
carried-sealed = { $n ->
        [0] Rien n’est transporté scellé pour d’autres
        [one] { $n } élément transporté scellé, illisible ici
       *[other] { $n } éléments transportés scellés, illisibles ici
    }
carried-waiting = { $n ->
        [one] { $n } élément attend le certificat de son auteur
       *[other] { $n } éléments attendent le certificat de leur auteur
    }
traffic = Envoyé { $sent }, reçu { $received } depuis le démarrage
node-key = Clé de ce poste : { $key }
listens = À l’écoute sur { $address }
newcomer-waits = { $facility } demande à entrer dans le réseau
newcomer-same-name = Un lieu de ce nom est déjà membre : vérifiez par téléphone qui demande.
newcomer-words = Mots à comparer par téléphone : les mêmes doivent être sur leur écran
newcomer-admit = Les mots sont les mêmes : admettre
toast-admitted = { $facility } est membre du réseau
invite-place = Inviter un lieu
invite-what = Une invitation vaut 72 heures, pour un seul lieu. Le fichier se remet par courriel ou clé USB, les mots se disent au téléphone.
field-address = Adresse de ce poste vue de là-bas (facultatif sur un même réseau local)
hint-address = 192.168.1.20:4517
invite = Créer une invitation
invite-file = Fichier à remettre
invite-words = Mots à dire au téléphone

# Réglages
language = Langue
look = Apparence
look-system = Comme l’ordinateur
look-light = Clair
look-dark = Sombre
about = À propos
about-version = Bocage { $version }
about-fonts = Caractères : Inter (OFL). Icônes : Phosphor (MIT).

# Demandes
nav-requests = Demandes
home-waiting = Ce qui vous attend
ask-colleague = Écrire à un confrère
shelf-received = Reçues ({ $n })
shelf-sent = Envoyées ({ $n })
shelf-ended = Terminées ({ $n })
requests-none-received = Aucune demande en cours pour vous.
requests-none-sent = Aucune demande envoyée. On interroge un confrère depuis le dossier d’un patient.
requests-none-ended = Aucune demande close.
request-referral = Adressage
request-tele-expertise = Téléexpertise
request-referral-what = Le confrère recevra le patient.
request-tele-expertise-what = Le confrère donne son avis sans voir le patient, quand il le peut.
request-from = de { $name }, { $facility }
request-to = à { $name }
request-title = { $kind } : { $name }
request-line = De { $from } à { $to }
request-untrusted = Demande irrecevable
urgent = Urgent
urgent-what = Urgent : passe avant tout le reste
status-to-answer = à traiter
status-requested = en attente de réponse
status-accepted = prise en charge
status-accepted-by-me = à répondre
status-more-asked = en attente de précisions
status-more-wanted = précisions demandées
status-answered = avis rendu
status-declined = déclinée
status-cancelled = annulée
status-closed = close
team-doctors = Les médecins
team-nurses = Les infirmières et infirmiers
team-pharmacists = Les pharmaciens
compose-title = Question à propos de : { $name }
field-request-kind = Ce qui est demandé
field-recipient = À qui
field-other-recipient = Changer de destinataire
hint-recipient = Nom, lieu, profession
recipients-none = Personne de ce nom dans le réseau.
field-question = Question
hint-question = Ce que vous voulez savoir, et ce qui a déjà été fait
send-request = Signer et envoyer
sending = Envoi…
request-missing = Il faut un destinataire et une question.
request-parts = Parties du dossier jointes
request-parts-what = Le destinataire les lit pendant sept jours au plus. Quand la demande est clôturée il garde ce qu’il a reçu, et ne reçoit plus rien de nouveau.
part-always = Toujours jointe : { $part }
toast-request-sent = Demande signée et enregistrée ici ; elle part d’elle-même
open-record = Ouvrir le dossier
request-opens = Joint à cette demande
request-until = lisible jusqu’au { $at }
request-shut = Plus rien n’est ouvert par cette demande.
request-claims = Plusieurs l’ont prise en charge sans le savoir : { $names }
said-question = Question
said-ask = Précision demandée
said-reply = Précision apportée
said-answer = Avis
said-decline = Demande déclinée
said-accept = Prise en charge
said-close = Demande close
said-cancel = Annulation
received-by = Arrivé sur le poste de { $name }, { $at }
read-by = Lu par { $name }, { $at }
field-answer = Votre réponse : avis, question en retour ou motif de refus, à choisir ensuite
field-reply = Votre réponse
field-message = Message (facultatif)
step-answer = Signer l’avis
step-accept = Prendre en charge
step-ask = Demander une précision
step-reply = Répondre
step-close = Clore la demande
step-decline = Décliner
step-cancel = Annuler la demande
request-known = Ces parties étaient déjà lisibles avant cette demande.
entry-visit = Consultation : { $reason }
carries-only = Personne n’exerce ici : ce poste transporte et ne lit rien.
allergy-severe = Allergie grave : { $to }
allergies-unread = Allergies non lisibles ici
treatments-unread = Cette partie du dossier n’est pas partagée avec ce lieu : rien n’en est connu ici.
invite-another = Une autre invitation
copy-to = Copier sur « { $folder } »
toast-copied = L’invitation est copiée : { $file }
rekey = Changer la phrase de passe
rekey-do = Changer
rekey-working = Changement en cours…
rekey-what = Les sauvegardes déjà faites s’ouvrent encore avec l’ancienne : faites-en une nouvelle (bocage backup).
field-old-passphrase = Phrase de passe actuelle
toast-rekeyed = La phrase de passe est changée.
text-size-normal = Normale
text-size-large = Grande
text-size-larger = Très grande

# Dossier : droits, corrections, partage
back-to-home = Retour à l’accueil
back-to-patients = Retour aux patients
back-to-requests = Retour aux demandes
back-to-request = Retour à la demande
record-shut = Ce dossier n’est plus ouvert à votre lieu : ce qui y est écrit maintenant n’arrive pas ici.
record-shut-since = Ce dossier n’est plus ouvert à votre lieu. Vous voyez ce qui avait été reçu, jusqu’au { $at } ; ce qui a été écrit depuis n’arrive pas ici.
allergies-unread-since = Allergies : plus lisibles ici
treatments-shut = Cette partie du dossier n’est plus ouverte à votre lieu : ce qui y est écrit maintenant n’arrive pas ici.
parts-shut = Parties qui ne sont plus ouvertes ici : { $parts }
unfold = Corriger…
fold = Replier
correct = Corriger
correct-named = Corriger : { $entry }
correct-title = Corriger : { $entry }
correct-what = Ce qui était écrit reste dans l’historique, avec l’auteur et la date de la correction.
correct-sign = Signer la correction
severe = Allergie grave
withdraw = Saisi par erreur
withdraw-sure = Confirmer : saisi par erreur
leave = Laisser tel quel
toast-corrected = Correction signée, enregistrée sur cet appareil
entry-in-error = { $n ->
        [one] un élément saisi par erreur
       *[other] { $n } éléments saisis par erreur
    }
entry-mistaken = Saisi par erreur : { $entry }
entry-oxygen = Sous oxygène
entry-air = À l’air ambiant
entry-news2 = NEWS2 { $total }
entry-news2-band = NEWS2 { $total }, { $band }
entry-question = Demande : { $kind }
entry-message = Message
entry-step-sent = Demande ouverte
entry-step-accept = Demande prise en charge
entry-step-ask = Précision demandée
entry-step-reply = Précision donnée
entry-step-answer = Avis signé
entry-step-decline = Demande déclinée
entry-step-close = Demande close
entry-step-cancel = Demande annulée
share-title = Ouvrir ce dossier à un autre lieu
share-what = Ses soignants liront chacun ce que sa profession permet : un pharmacien ne lit pas les notes. Un médecin mobile lit pendant 48 heures.
share-nobody = Tous les lieux du réseau où quelqu’un exerce le lisent déjà.
share = Partager
share-with = Partager avec { $facility }
share-sure = Les soignants du lieu « { $facility } » liront le dossier de { $name }. Avez-vous son accord ?
share-lasts = Un partage ne peut pas être retiré dans cette version.
share-confirm = Partager le dossier de { $name }
toast-shared = { $facility } peut lire ce dossier
toast-shared-until = { $facility } peut lire ce dossier jusqu’au { $at }

# Demandes : suite
status-replied = précision envoyée
status-reply-came = précision apportée, à vous de répondre
said-addition = Précision
say-more = Compléter l’avis
field-addition = Ajouter une précision (facultatif)
field-follow-up = Autre question, ou dernier mot (facultatif)
step-add = Ajouter à la question
step-follow-up = Poser une autre question
step-answer-more = Signer le complément
question-row = Question commencée, { $name }, { $at }
question-at = question commencée, { $at }

# Divers
demo = Démonstration : lieux et personnes sont inventés, rien n’est gardé quand la fenêtre se ferme.
hint-glucose = par ex. 1,1
invitation-found = Invitations trouvées sur cet ordinateur
invitation-good = Invitation valable pour le réseau « { $network } », jusqu’au { $until }.
setup-checking = Ouverture de l’invitation…
toast-founded = Réseau « { $network } » fondé. Invitez les autres lieux depuis l’écran Réseau.
toast-joined = Ce lieu est membre du réseau « { $network } ».
place-clinic = lieu de soins
place-pharmacy = pharmacie
place-cabin = cabine, transporte sans lire
place-mobile = médecin mobile
setup-invitation = Votre invitation
visit-not-signed = Rien n’est signé. Ce que vous avez écrit reste dans ce formulaire : réessayez ensuite.
entry-before = Avant : { $entry } · { $author } · { $at }
part-empty = Pas encore commencée : { $part }
toast-answered = Avis signé, enregistré sur cet appareil
toast-closed = Demande close
news2-breathing = air ou oxygène
demo-passphrase = Démonstration : la phrase de passe est « { $passphrase } ».
write-instead = Écrire { $text }
wrong-spoken = Cela s’écrit { $value }.
wrong-future = Cette date est dans l’avenir.
visit-wrong = { $n ->
        [one] une valeur à corriger
       *[other] { $n } valeurs à corriger
    }
drop-question = Abandonner ce brouillon
drop-sure = Confirmer : tout abandonner
entry-visit-plain = Consultation
withdraw-visit = De la consultation entière : sa note, ses mesures et son score vont avec.

# Clé USB
stick = Clé USB
stick-what = Pour les lieux qu’aucune liaison n’atteint : ce qui leur manque voyage scellé, et une clé perdue ne montre rien.
field-stick = Dossier de la clé
hint-stick = /media/cle
stick-out = Écrire sur la clé
stick-in = Lire la clé
stick-working = Ne retirez pas la clé…
stick-written = { $n ->
        [0] Rien de nouveau à emporter pour { $to } : la clé dit seulement ce que ce lieu détient ({ $size }).
        [one] { $n } élément ({ $size }) dont on n’a pas encore la preuve là-bas, écrit pour { $to }. Vous pouvez retirer la clé.
       *[other] { $n } éléments ({ $size }) dont on n’a pas encore la preuve là-bas, écrits pour { $to }. Vous pouvez retirer la clé.
    }
stick-held-there = { $n ->
        [one] { $n } élément non emporté : ils l’ont déjà.
       *[other] { $n } éléments non emportés : ils les ont déjà.
    }
stick-brought = { $n ->
        [0] Venu de « { $from } » : tout était déjà ici.
        [one] Venu de « { $from } » : { $n } élément nouveau.
       *[other] Venu de « { $from } » : { $n } éléments nouveaux.
    }
stick-for-others = { $file } est pour d’autres lieux : laissé tel quel.
stick-refused = { $file } : { $why } Rien n’en a été pris.
stick-broken-off = { $file } : { $why } { $n ->
    [one] Un élément en avait été pris avant : il est gardé.
   *[other] { $n } éléments en avaient été pris avant : ils sont gardés.
}
stick-no-receipt = Aucun reçu n’a pu être écrit : { $why } Ce qui est venu est gardé quand même.
stick-receipt = Un reçu est sur la clé : rapportée là-bas, elle leur dira ce que ce lieu détient.

# Antécédents, arrêts, ce qu’on a ouvert à ce lieu
problems = Problèmes et antécédents
problems-none = Aucun antécédent noté.
field-problem = Problème ou antécédent
field-since = Depuis quand, ou quand (facultatif)
hint-since = 1998, 03/1998 ou jj/mm/aaaa
add-problem = Ajouter un problème en cours
add-antecedent = Ajouter un antécédent
problem-since = { $problem } ({ $since })
stop = Arrêter
is-over = Terminé
stopped-at = arrêté : { $at }
over-at = terminé : { $at }
over-since = Fin : { $at }
field-end-day = Depuis quand (aujourd’hui, si rien n’est écrit)
over = passé
stop-title = Arrêter : { $entry }
over-title = Terminé : { $entry }
end-what = L’élément reste dans le dossier ; la date et votre nom s’y ajoutent.
field-end-reason = Pourquoi (facultatif)
stop-sign = Signer l’arrêt
over-sign = Signer
correct-identity = Corriger l’identité
held-what = Scellé : ces lieux le gardent et le transportent. Seuls ceux à qui le dossier est ouvert peuvent le lire.
part-clinical-what = Consultations, mesures, notes, problèmes et antécédents.
part-emergency-what = La fiche d’urgence : ce qu’un soignant qui ne connaît pas le patient doit savoir aussitôt.
wrong-year = Écrivez l’année avec ses quatre chiffres.
wrong-century = Écrivez l’année avec ses quatre chiffres : { $one } ou { $other } ?
second-window = Une autre fenêtre de ce lieu est ouverte sur cet ordinateur : quand elle se fermera, celle-ci s’arrêtera.
new-patient-row = Nouveau dossier commencé, { $at }
drop-new-patient = Abandonner ce dossier
arrivals = { $n ->
        [one] Un dossier a été ouvert à votre lieu
       *[other] { $n } dossiers ont été ouverts à votre lieu
    }
arrival-by = par { $by }, { $at }
arrivals-seen = Tout marquer comme vu
and-more = et { $n } de plus
unfold-earlier = Ce qui y était avant…
entry-stopped = Arrêté : { $entry }
entry-over = N’est plus d’actualité : { $entry }
entry-antecedent = Antécédent : { $entry }
entry-identity = Identité : { $entry }
because = Motif : { $reason }
held-sealed = { $n ->
        [one] Copie de secours dans { $n } autre lieu
       *[other] Copies de secours dans { $n } autres lieux
    }
no-longer = N’est plus d’actualité
no-longer-title = N’est plus d’actualité : { $entry }
field-end-why = Pourquoi
add-treatment-anyway = Ajouter malgré l’allergie
allergy-named = Allergie notée dans ce dossier : { $to }. Seuls les mots sont comparés : vérifiez.
read-only = Lecture seule : ce que vous constatez se dit dans votre réponse
read-only-until = Lecture seule, jusqu’au { $at } : ce que vous constatez se dit dans votre réponse
toast-ended = Signé, enregistré sur cet appareil
sign-respiratory-rate-short = Fréq. respiratoire
wrong-whole = Un nombre entier.
allergy-none-known = Aucune allergie connue
allergy-none-since = Aucune allergie connue, { $at }
wrong-word = « { $word } » n’est dans aucune liste de mots : vérifiez ce mot.
copy-file = Copier le chemin du fichier
resume = Reprendre
key-zoom = Taille du texte
locks-after = Ce poste se verrouille de lui-même après { $minutes } minutes sans que personne y touche ; les brouillons sont gardés.
wrong-since = Écrivez 1998, 03/1998 ou jj/mm/aaaa.
close-means = Clore la demande ferme le dossier à { $name } : plus rien de nouveau n’y arrivera. Appuyez encore pour confirmer.
step-close-sure = Confirmer : clore la demande
claimed-by = Prise en charge par { $name }
step-answer-referral = Signer la réponse
said-answer-referral = Réponse
status-answered-referral = réponse donnée
compose-referral = Adressage : { $name }
field-letter = Lettre d’adressage
hint-letter = Pourquoi vous adressez ce patient, et ce qui a déjà été fait
begun-at = Commencé le { $at }, { $author }
treatment-missing = Il faut aussi la posologie.
row-shut = plus ouvert ici
additions-row = Saisie commencée, { $name }, { $at }
additions-at = saisie commencée, { $at }
message-row = Réponse commencée, { $name }, { $at }
message-at = réponse commencée, { $at }
entry-treatment = Traitement : { $entry }
second-locked = Chaque fenêtre s’ouvre pour elle-même : celle-ci demande la phrase de passe, même si l’autre est ouverte.
stopped = arrêté
