// The button is hidden where nothing can be copied: on plain HTTP from another machine.
const button = document.getElementById('copy');
if (button && navigator.clipboard) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById('made').textContent);
    button.textContent = 'Copied';
  });
}
