// In place of pdfjs-dist, which only previews of PDF files need.
export const GlobalWorkerOptions = {};
export const getDocument = () => { throw new Error('there is no PDF here'); };
