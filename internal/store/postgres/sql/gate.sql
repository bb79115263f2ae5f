-- name: RespondentStillPending
SELECT id
FROM respondent
WHERE id = ANY($1) AND state = 1;
