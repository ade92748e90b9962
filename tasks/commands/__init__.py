"""What is no stage: previews, sheets, printing what there is, questions to the team's memory."""
