// Follows a run on its page until it is final, then loads the page once more for the full report.
'use strict';
{
    const page = document.getElementById('onefile-run');
    const FASTEST = 1000;
    const USUAL = 2000;
    const SLOWEST = 30000;
    let delay = FASTEST;
    let shown = null;

    // The learners below are the server's to write: what it says of them now takes the place of what it said.
    async function showLearners(counts) {
        const answer = await fetch(location.href);
        if (!answer.ok) {
            throw new Error(answer.status);
        }
        const now = new DOMParser().parseFromString(await answer.text(), 'text/html');
        const learners = now.querySelector('[data-results]');
        if (learners) { // there are none for somebody who is logged out: the next poll meets that too
            page.querySelector('[data-results]').replaceWith(learners);
            shown = counts;
        }
    }

    function show(selector, text) {
        for (const element of page.querySelectorAll(selector)) {
            // Only a changed text is written: screen readers announce every write to a live region.
            if (element.textContent !== String(text)) {
                element.textContent = text;
            }
        }
    }

    function update(run) {
        const bar = page.querySelector('[data-progress]');
        bar.max = run.total || 1;
        bar.value = run.done;
        show('[data-headline]', run.headline);
        show('[data-done]', run.done);
        show('[data-total]', run.total);
        page.querySelector('[data-waiting]').hidden = !run.waiting_for_worker;
        for (const item of page.querySelectorAll('[data-tally]')) {
            const count = run.counts[item.dataset.tally] || 0;
            item.hidden = count === 0 && !item.querySelector('[aria-current]');
            item.querySelector('[data-count]').textContent = count;
        }
    }

    function pollAgain(after) {
        delay = after;
        setTimeout(poll, delay);
    }

    async function poll() {
        let run;
        try {
            const answer = await fetch(page.dataset.progressUrl, {headers: {Accept: 'application/json'}});
            if (answer.redirected || answer.status === 403 || answer.status === 404) {
                location.reload(); // logged out, or not allowed any more: the page itself says so
                return;
            }
            if (!answer.ok) {
                throw new Error(answer.status);
            }
            run = await answer.json();
            if (run.final) {
                location.reload();
                return;
            }
            update(run);
            const counts = JSON.stringify(run.counts);
            // Not from under somebody who has come to a link down there with the keyboard: they would be thrown back.
            if (counts !== shown && !page.querySelector('[data-results]').contains(document.activeElement)) {
                await showLearners(counts);
            }
        } catch {
            pollAgain(Math.min(delay * 2, SLOWEST)); // network or site away: keep trying, ever less often
            return;
        }
        pollAgain(Math.min(delay * 1.2, USUAL));
    }

    if (page && page.dataset.progressUrl) {
        setTimeout(poll, delay);
    }
}
