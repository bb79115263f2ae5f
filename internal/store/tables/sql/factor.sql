-- Second factors, recovery codes, and sign-ins that wait for them.

-- name: FactorPut
INSERT INTO second_factor(person, sealed, created, confirmed, step)
VALUES ($1, $2, $3, 0, 0)
ON CONFLICT (person) DO UPDATE SET sealed = $2, created = $3 WHERE second_factor.confirmed = 0;

-- name: FactorGet
SELECT person, sealed, created, confirmed, step, (SELECT count(*) FROM recovery_code c WHERE c.person = $1)
FROM second_factor
WHERE person = $1;

-- name: FactorConfirmed
SELECT count(*)
FROM second_factor
WHERE person = $1 AND confirmed > 0;

-- name: FactorConfirm
UPDATE second_factor
SET confirmed = $3, step = $4
WHERE person = $1 AND created = $2 AND confirmed = 0;

-- name: FactorStep
-- Codes are used in the order of their steps, and each once.
UPDATE second_factor
SET step = $2
WHERE person = $1 AND confirmed > 0 AND step < $2;

-- name: FactorDelete
DELETE FROM second_factor
WHERE person = $1;

-- name: FactorSealedList
SELECT person, sealed
FROM second_factor
ORDER BY person;

-- name: FactorSealedUpdate
UPDATE second_factor
SET sealed = $3
WHERE person = $1 AND sealed = $2;

-- name: RecoveryInsert
INSERT INTO recovery_code(person, hash)
VALUES ($1, $2);

-- name: RecoveryUse
DELETE FROM recovery_code
WHERE person = $1 AND hash = $2;

-- name: RecoveryDelete
DELETE FROM recovery_code
WHERE person = $1;

-- name: PendingInsert
INSERT INTO pending_login(hash, person, method, created, expires)
VALUES ($1, $2, $3, $4, $5);

-- name: PendingTrim
DELETE FROM pending_login
WHERE hash IN (
  SELECT hash
  FROM pending_login
  WHERE person = $1
  ORDER BY created DESC, hash
  LIMIT 1000000 OFFSET $2);

-- name: PendingGet
SELECT hash, person, method, created, expires
FROM pending_login
WHERE hash = $1;

-- name: PendingDelete
DELETE FROM pending_login
WHERE hash = $1;

-- name: PendingDeleteAll
DELETE FROM pending_login
WHERE person = $1;

-- name: PendingExpire
DELETE FROM pending_login
WHERE hash IN (SELECT hash FROM pending_login WHERE expires <= $1 LIMIT $2);
